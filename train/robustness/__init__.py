"""What is lost between a face of the dataset and a photograph."""
