"""What a visitor sees: the Gradio page, its texts in two languages, and the endpoints."""
