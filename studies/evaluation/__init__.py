"""Objective evaluation of a bundle on held-out speech: reconstruction, continuation, and the model card.

`evaluate.evaluate` measures and returns a `results.Evaluation`; `evaluate.evaluate_bundle` also writes the card.
Nothing is imported here, as torch takes seconds to load.
"""
