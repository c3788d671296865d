"""A network in training: the run, its epochs, its learning rate, its devices."""
