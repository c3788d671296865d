"""How good predictions are: metrics, intervals, tables and reports."""
