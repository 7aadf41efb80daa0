"""The training loop: budget, checkpoints, averaging, gradients, metrics, and how a run stops and resumes.

`run.run_stage` trains any stage of the protocol `run.Stage`.
"""
