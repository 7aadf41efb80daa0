"""Whole runs from folder to folder: what each verb of the command line does with its recipe.

`stages` has one function a verb, `bundle.write_bundle` assembles a bundle,
`demo_bundle.train_demo` is the chain from corpus to bundle, `dry_run.dry_run` estimates costs.
"""
