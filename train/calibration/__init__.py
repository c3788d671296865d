"""The calibration of a model on photographs: what turns both heads into seven probabilities."""
