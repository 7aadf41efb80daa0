"""What is measured of a bundle: objective measures, and listening studies with their statistics."""
