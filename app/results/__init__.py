"""The Results page: access by role, tabs, views, plots and actions. Its statistics live in `studies.analysis`."""
