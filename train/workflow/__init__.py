"""The steps from data to a model that a recipe tells."""
