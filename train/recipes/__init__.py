"""What a training run is made of: its config, presets, and the recipes of several runs."""
