"""Reads FER2013, FER+ and photographs, crops faces, and finds faults of datasets."""
