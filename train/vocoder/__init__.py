"""Vocoders in training: random segments, spectral and adversarial losses, discriminators.

`stage.VocoderStage` is the stage, `recipe.VocoderRecipe` its settings.
"""
