"""What training leaves: run folders, model folders, and the files that the app loads."""
