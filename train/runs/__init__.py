"""Whole runs from folder to folder: what each verb of the command line does with its recipe.

`stages` has one function a verb, `demo_bundle.train_demo` the chain from corpus to bundle, `dry_run` the costs.
"""
