"""Corpora to bundles: data, objectives, loops, recipes. Imports engine, never app or studies."""
