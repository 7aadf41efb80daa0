"""Codebooks: every level leaves less of the mel than the one before it."""

from pathlib import Path

import pytest
import torch

from tests.tiny_bundle import OTHER_SYSTEMS, change_config
from tests.train.tiny_recipes import MODEL
from undertone.engine.network import VAEGSLM
from undertone.train.model.codebooks import fit_codebooks
from undertone.train.model.window_sources import window_source


def test_every_level_leaves_less_of_the_mel(prepared: Path, tokens: Path) -> None:
    recipe = MODEL.model_copy(update={"model": change_config(MODEL.model, OTHER_SYSTEMS["Token-LM + Acoustic"])})
    network = VAEGSLM(recipe.model)
    source = window_source(recipe, prepared, tokens, parts=1)
    left = fit_codebooks(network, source)
    assert 1 > left[0] > left[1] > left[2]
    mel = source.windows(0, 0).mel[:1, :20]
    error = (network.quantiser.mel(network.quantiser(mel)) - mel).square().mean()
    assert error < 2 * left[-1] * mel.var()
    again = VAEGSLM(recipe.model)
    assert fit_codebooks(again, window_source(recipe, prepared, tokens, parts=1)) == pytest.approx(left)
    assert torch.allclose(again.quantiser.codebooks, network.quantiser.codebooks, atol=1e-5)
