"""Networks in plain Keras layers, and their initialization, freezing and feature maps."""
