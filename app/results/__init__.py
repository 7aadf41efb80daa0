"""The Results page: who may see what, views, plots and actions. Its statistics live in `studies.analysis`."""
