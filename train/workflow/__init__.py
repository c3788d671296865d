"""The steps of a recipe, from data to a model."""
