"""The training loop: budget, checkpoints, averaging, gradients, metrics, and how a run stops and resumes.

`run.run_stage` trains any stage of the protocol `run.Stage`, `saved_recipe.save_recipe` guards what it is resumed with,
`stage_export.export_stage` writes what it made.
"""
