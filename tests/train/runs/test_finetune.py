"""Fine-tuning: what is trained changes and the rest stays, it resumes, another tokenizer comes along, refusals."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.tiny_bundle import NUM_TOKENS, make_tiny_bundle
from tests.train.tiny_recipes import MODEL
from undertone.engine.bundle import load_bundle, read_config
from undertone.engine.config import PhonePartsConfig, PhoneticConfig, WhisperConfig
from undertone.engine.errors import BundleError, SettingsError
from undertone.engine.tokenizers import build_tokenizer
from undertone.train.loop.budget import Clock
from undertone.train.loop.stage_export import export_stage
from undertone.train.model.recipe import LANGUAGE, SOUND
from undertone.train.runs.finetune import finetune

RECIPE = MODEL.model_copy(update={"part": "sound", "name": "tuned", "steps": 3, "window_frames": 48})


def weights(module: object) -> dict[str, torch.Tensor]:
    assert isinstance(module, nn.Module)
    return module.state_dict()


def test_the_sound_is_trained_and_the_language_stays(corpus: Path, tmp_path: Path) -> None:
    first = make_tiny_bundle(tmp_path / "first")
    made = finetune(
        first, corpus, tmp_path / "out", tmp_path / "work", RECIPE, ("buzz, 1 h, cc0",), cpu=True, workers=1
    )
    assert set(made.before) == {name for name in made.after if f"start_{name}" in made.after}
    assert made.before["reconstruction"] != made.after["reconstruction"]
    assert [line.split(":")[0] for line in made.lines()] == ["reconstruction", "kl", "cross entropy"]
    old, new = load_bundle(first), load_bundle(made.bundle)
    before, after = weights(old.model), weights(new.model)
    for name in before:
        same = torch.allclose(before[name].half(), after[name].half(), atol=1e-4)
        assert same or name.split(".")[0] in SOUND, name
    assert any(
        not torch.allclose(before[name], after[name], atol=1e-4) for name in before if name.startswith("decoder")
    )
    assert LANGUAGE  # which the loop above holds to what it was
    assert new.config.model == old.config.model
    assert new.config.provenance.data == ("buzz, 1 h, cc0",)
    assert new.config.provenance.steps == {"model": 3}
    again = finetune(first, corpus, tmp_path / "again", tmp_path / "work", RECIPE, cpu=True, workers=1)
    assert load_bundle(again.bundle).fingerprint == new.fingerprint, "a second call makes the same of what is there"
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    with pytest.raises(SettingsError, match=r"begun with other settings.*bundle"):
        finetune(other, corpus, tmp_path / "never", tmp_path / "work", RECIPE, cpu=True, workers=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    with pytest.raises(BundleError, match="is no bundle"):
        finetune(first, corpus, tmp_path / "mine", tmp_path / "elsewhere", RECIPE, cpu=True, workers=1)
    assert not (tmp_path / "elsewhere").exists(), "refused before anything was prepared"


def test_another_tokenizer_needs_units_that_mean_the_same(corpus: Path, tmp_path: Path) -> None:
    first = make_tiny_bundle(tmp_path / "first")
    spoken = RECIPE.model_copy(update={"spoken_tokens": True})
    with pytest.raises(SettingsError, match="needs --tokenizer"):
        finetune(first, corpus, tmp_path / "never", tmp_path / "work", spoken, cpu=True)
    other = tmp_path / "tokenizer"
    other.mkdir()
    config = WhisperConfig(
        num_units=NUM_TOKENS,
        dim=64,
        num_layers=1,
        num_heads=1,
        feedforward_dim=16,
        phone_parts=PhonePartsConfig(phones=tuple(f"P{number}" for number in range(NUM_TOKENS // 3 - 1))),
        mel=read_config(first).model.mel,
    )
    export_stage(build_tokenizer(config), config, Clock(), other, {})
    made = finetune(first, corpus, tmp_path / "out", tmp_path / "work", RECIPE, tokenizer=other, cpu=True, workers=1)
    assert load_bundle(made.bundle).config.tokenizer.kind == "whisper"  # the model was trained on its tokens
    fewer = PhoneticConfig(num_units=NUM_TOKENS - 1, dim=16, num_layers=1, num_heads=2, feedforward_dim=32)
    export_stage(build_tokenizer(fewer), fewer, Clock(), other, {})
    with pytest.raises((BundleError, SettingsError), match="units"):
        finetune(first, corpus, tmp_path / "never", tmp_path / "other", RECIPE, tokenizer=other, cpu=True, workers=1)
    assert not (tmp_path / "never").exists()
