"""Commands that print speed and load."""
