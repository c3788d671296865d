"""The networks in plain Keras layers, and what is done with their weights."""
