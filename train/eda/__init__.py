"""What is in a dataset: counts, figures, and reports of them and of its faults."""
