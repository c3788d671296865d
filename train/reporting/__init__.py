"""Markdown, plots and contact sheets that several reports share."""
