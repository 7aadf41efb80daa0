"""Another vocoder in a bundle: model and tokenizer stay to the byte, and what was measured of the old one is gone."""

from pathlib import Path

import pytest
import torch

from tests.tiny_bundle import make_tiny_bundle
from undertone.engine.bundle import load_bundle
from undertone.engine.config import MelConfig, SourceFilterConfig
from undertone.engine.errors import BundleError
from undertone.engine.vocoders import SourceFilter
from undertone.train.corpora.source import CorpusError
from undertone.train.loop.budget import Clock
from undertone.train.loop.stage_export import export_stage
from undertone.train.runs.replace_vocoder import replace_vocoder

CONFIG = SourceFilterConfig(
    channels=16, hidden_channels=16, num_layers=1, pitch_channels=16, pitch_hidden_channels=16, pitch_layers=1
)


def test_only_the_vocoder_and_what_is_said_of_it_change(tmp_path: Path) -> None:
    first = make_tiny_bundle(tmp_path / "first")
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(CorpusError, match="no finished stage"):
        replace_vocoder(first, run, tmp_path / "never", "mine")
    (run / "trained.json").write_text('{"steps": 1, "minutes": 1.0}')
    (run / "export.json").write_text('{"model": {}}')
    with pytest.raises(BundleError, match="holds no vocoder"):
        replace_vocoder(first, run, tmp_path / "never", "mine")
    other = CONFIG.model_copy(update={"mel": MelConfig(max_hz=7000.0)})
    export_stage(SourceFilter(other), other, Clock(7, 120.0), run, {})
    with pytest.raises(BundleError, match="another mel"):
        replace_vocoder(first, run, tmp_path / "never", "mine")
    assert not (tmp_path / "never").exists()
    vocoder = SourceFilter(CONFIG)
    export_stage(vocoder, CONFIG, Clock(7, 120.0), run, {"mel_l1": 0.2})
    # A bundle of its own dtypes first: the tiny one holds float32.
    once = replace_vocoder(first, run, tmp_path / "once", "mine")
    twice = replace_vocoder(once, run, tmp_path / "twice", "mine")
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
