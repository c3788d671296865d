"""Measures accuracy outside the dataset: scenes, corruptions, covered faces, photographs."""
