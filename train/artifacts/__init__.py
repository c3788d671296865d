"""Files of trained models: run folders, model folders, and the TFLite files of the app."""
