"""Writes Markdown, plots and contact sheets."""
