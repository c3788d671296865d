"""Makes a dataset of photographs and videos."""
