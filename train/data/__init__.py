"""Readers of FER2013, FER+, photographs and faces cut out of them, and what is wrong in them."""
