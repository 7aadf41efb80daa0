"""Objective evaluation of a bundle on held-out speech: reconstruction, continuation, and the model card.

`evaluate.evaluate_bundle` measures and writes; `results.Evaluation` is what was measured.
"""
