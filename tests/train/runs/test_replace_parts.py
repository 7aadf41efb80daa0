"""Other parts in a bundle: the rest stays to the byte, and what was measured of the old ones is gone."""

from pathlib import Path

import pytest
import torch

from tests.tiny_bundle import NUM_TOKENS, make_tiny_bundle
from undertone.engine.bundle import load_bundle
from undertone.engine.config import MelConfig, PhonePartsConfig, SourceFilterConfig, WhisperConfig
from undertone.engine.errors import BundleError
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.vocoders import SourceFilter
from undertone.train.corpora.source import CorpusError
from undertone.train.loop.budget import Clock
from undertone.train.loop.stage_export import export_stage
from undertone.train.runs.replace_parts import replace_parts

CONFIG = SourceFilterConfig(
    channels=16, hidden_channels=16, num_layers=1, pitch_channels=16, pitch_hidden_channels=16, pitch_layers=1
)


def test_only_the_vocoder_and_what_is_said_of_it_change(tmp_path: Path) -> None:
    first = make_tiny_bundle(tmp_path / "first")
    run = tmp_path / "mine"
    run.mkdir()
    with pytest.raises(CorpusError, match="no finished stage"):
        replace_parts(first, tmp_path / "never", vocoder=run)
    (run / "trained.json").write_text('{"steps": 1, "minutes": 1.0}')
    (run / "export.json").write_text('{"model": {}}')
    with pytest.raises(BundleError, match="holds no vocoder"):
        replace_parts(first, tmp_path / "never", vocoder=run)
    other = CONFIG.model_copy(update={"mel": MelConfig(max_hz=7000.0)})
    export_stage(SourceFilter(other), other, Clock(7, 120.0), run, {})
    with pytest.raises(BundleError, match="another mel"):
        replace_parts(first, tmp_path / "never", vocoder=run)
    assert not (tmp_path / "never").exists()
    vocoder = SourceFilter(CONFIG)
    export_stage(vocoder, CONFIG, Clock(7, 120.0), run, {"mel_l1": 0.2})
    # A bundle of its own dtypes first: the tiny one holds float32.
    once = replace_parts(first, tmp_path / "once", vocoder=run)
    twice = replace_parts(once, tmp_path / "twice", vocoder=run)
    for part in ("model", "tokenizer", "vocoder"):
        assert (once / f"{part}.safetensors").read_bytes() == (twice / f"{part}.safetensors").read_bytes()
    bundle = load_bundle(once)
    assert isinstance(bundle.vocoder, SourceFilter)
    assert bundle.config.provenance.steps["vocoder"] == 7
    assert bundle.config.measured["vocoder_training"] == {"steps": 7, "minutes": 2.0, "mel_l1": 0.2}
    assert "evaluation" not in bundle.config.measured
    assert "mine" in bundle.config.provenance.recipe
    assert bundle.fingerprint != load_bundle(first).fingerprint
    torch.testing.assert_close(
        bundle.vocoder.state_dict()["embed.weight"], vocoder.state_dict()["embed.weight"], atol=1e-3, rtol=1e-2
    )


def test_units_that_mean_something_else_are_refused(tmp_path: Path) -> None:
    first, run = make_tiny_bundle(tmp_path / "first"), tmp_path / "mine"
    run.mkdir()
    parts = PhonePartsConfig(phones=tuple(f"P{number}" for number in range(NUM_TOKENS // 3 - 1)))
    config = WhisperConfig(
        num_units=NUM_TOKENS, dim=64, num_layers=1, num_heads=1, feedforward_dim=16, phone_parts=parts
    )
    export_stage(build_tokenizer(config), config, Clock(), run, {})
    with pytest.raises(BundleError, match="mean something else"):
        replace_parts(first, tmp_path / "never", tokenizer=run)
    with pytest.raises(BundleError, match="holds no model"):
        replace_parts(first, tmp_path / "never", model=run)
    with pytest.raises(BundleError, match="holds no vocoder"):
        replace_parts(first, tmp_path / "never", vocoder=run)
