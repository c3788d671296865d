"""Commands that print speed and load; run them on an idle machine."""
