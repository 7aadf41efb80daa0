"""What the Results page is made of: its desk, views, plots and actions. Its statistics live in `studies.analysis`."""
