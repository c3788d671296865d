"""Inputs of training: selected and augmented faces, their targets, and batches."""
