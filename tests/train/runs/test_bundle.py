"""Bundles of finished stages."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL
from undertone.engine.bundle import load_bundle
from undertone.engine.config import VocosConfig
from undertone.train.corpora.source import CorpusError
from undertone.train.loop.budget import Clock
from undertone.train.loop.stage_export import export_stage
from undertone.train.model.stage import ModelStage
from undertone.train.runs.bundle import StageFolders, write_bundle


def test_a_bundle_of_finished_stages_loads_in_the_engine(
    tokenizer_run: Path, prepared: Path, tokens: Path, tmp_path: Path
) -> None:
    accelerator = Accelerator(cpu=True)
    stage = ModelStage(MODEL, prepared, tokens, accelerator)
    vocoder = VocosConfig(channels=16, hidden_channels=32, num_layers=1)
    from undertone.engine.vocoders import build_vocoder

    for name in ("model", "vocoder"):
        (tmp_path / name).mkdir()
    export_stage(stage.export_networks()["model"], MODEL, Clock(3, 60.0), tmp_path / "model", {"loss": 1.0})
    export_stage(build_vocoder(vocoder), vocoder, Clock(4, 60.0), tmp_path / "vocoder", {})
    stages = StageFolders(tokenizer_run, tmp_path / "vocoder", tmp_path / "model")
    out = write_bundle(stages, tmp_path / "bundle", "tiny", "tiny", ("buzz",), "cc0-1.0")
    bundle = load_bundle(out)
    assert bundle.config.provenance.steps == {"tokenizer": 6, "vocoder": 4, "model": 3}
    expected = stage.export_networks()["model"].state_dict()["token_embedding.weight"].half().float()
    assert torch.equal(bundle.model.state_dict()["token_embedding.weight"], expected)


def test_an_unfinished_stage_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no finished stage"):
        write_bundle(StageFolders(tmp_path, tmp_path, tmp_path), tmp_path / "out", "x", "x", (), "x")
