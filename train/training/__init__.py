"""Training: the run, its epochs, its learning rate, its devices."""
