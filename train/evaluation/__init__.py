"""Evaluation: predictions, metrics, confidence intervals, tables and reports."""
