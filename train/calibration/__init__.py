"""Calibration: a linear layer that turns both heads into seven probabilities."""
