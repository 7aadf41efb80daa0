"""Distillation of the diffusion decoder into a student of few steps: its recipe, the teacher's paths, the stage.

`StudentRecipe` and `StudentStage` are what runs are made of; `train/runs/student.py` makes a bundle with a student.
"""
