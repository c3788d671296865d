"""What networks learn from: faces that are chosen, changed and prepared, and their targets."""
