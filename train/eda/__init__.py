"""Describes a dataset: counts, figures, and reports of its content and faults."""
