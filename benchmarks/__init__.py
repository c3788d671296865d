"""What prints speed and load; run on an idle machine."""
