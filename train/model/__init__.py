"""The stage of VAE-GSLM: windows of tokens and mels, the objective, and pitch targets.

`stage.ModelStage` is the stage, `recipe.ModelRecipe` its settings.
"""
