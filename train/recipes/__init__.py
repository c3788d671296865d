"""Settings of training: configs, presets, and recipes of several runs."""
