"""Simulated studies: ratings drawn from a known truth, and how often the intervals cover it."""
