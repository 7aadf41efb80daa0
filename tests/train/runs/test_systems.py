"""The systems of the comparison: each from the voice's own weights, equally long, with its tokenizer and vocoder."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.tiny_bundle import OTHER_SYSTEMS, make_tiny_bundle
from tests.train.tiny_recipes import MODEL
from undertone.engine.bundle import bundles_sharing, load_bundle, read_config
from undertone.engine.errors import BundleError, SettingsError
from undertone.train.model.recipe import ModelRecipe
from undertone.train.recipes import load_recipe_of
from undertone.train.runs.systems import SYSTEMS, recipe_of_system, train_systems

NEARLY_STILL = 1e-7  # a learning rate after which float16 weights are what they were
RECIPE = MODEL.model_copy(
    update={"name": "systems", "steps": 2, "window_frames": 48, "learning_rate": NEARLY_STILL, "average_decay": None}
)
NAMES = {
    "vae-gslm": "VAE-GSLM",
    "token-lm": "Token-LM",
    "token-lm-pitch": "Token-LM + Pitch",
    "token-lm-acoustic": "Token-LM + Acoustic",
    "no-tokens": "VAE-GSLM - tokens",
}
SHARED = ("transformer.", "decoder.", "utterance_encoder.", "token_embedding.")  # what every system with tokens has


def weights(module: object) -> dict[str, torch.Tensor]:
    assert isinstance(module, nn.Module)
    return module.state_dict()


def test_every_system_begins_as_the_voice_and_shares_its_parts(corpus: Path, tmp_path: Path) -> None:
    voice_folder = make_tiny_bundle(tmp_path / "voice")
    voice = load_bundle(voice_folder)
    names = ("token-lm", "token-lm-acoustic")
    made = train_systems(
        voice_folder, corpus, tmp_path, tmp_path / "work", RECIPE, names, ("buzz, 1 h, cc0",), True, cpu=True, workers=1
    )
    assert [system.bundle for system in made] == [tmp_path / name for name in names]
    assert set(bundles_sharing(voice_folder)) == {system.bundle for system in made}
    before = weights(voice.model)
    for system in made:
        found = load_bundle(system.bundle)
        assert found.config.model.system == NAMES[system.name]
        assert found.config.provenance.steps["model"] == 2
        assert found.config.provenance.data == ("buzz, 1 h, cc0",)
        assert not (system.bundle / "tokenizer.safetensors").exists()
        after = weights(found.model)
        for key, value in before.items():
            if key.startswith(SHARED) and after[key].shape == value.shape:
                assert torch.allclose(after[key], value.half().float(), atol=2e-3), (system.name, key)
    whole = train_systems(
        voice_folder, corpus, tmp_path / "whole", tmp_path / "work", RECIPE, ("token-lm",), cpu=True, workers=1
    )
    assert (whole[0].bundle / "tokenizer.safetensors").is_file()
    again, once = (weights(load_bundle(folder).model) for folder in (whole[0].bundle, tmp_path / "token-lm"))
    assert all(torch.equal(again[key], once[key]) for key in once), "a finished run is not made again"


def test_what_cannot_be_compared_is_refused_before_anything_is_prepared(corpus: Path, tmp_path: Path) -> None:
    voice = make_tiny_bundle(tmp_path / "voice")
    baseline = make_tiny_bundle(tmp_path / "baseline", changes=OTHER_SYSTEMS["Token-LM"])
    work, out = tmp_path / "work", tmp_path / "out"
    minutes = MODEL.model_copy(update={"steps": None, "minutes": 1.0})
    (out / "token-lm").mkdir(parents=True)
    (out / "token-lm" / "notes.txt").write_text("kept")
    for refused, error, words in (
        (lambda: train_systems(voice, corpus, out, work, RECIPE, ("gslm",)), SettingsError, "no system 'gslm'"),
        (lambda: train_systems(voice, corpus, out, work, minutes), SettingsError, "equally many steps"),
        (lambda: train_systems(baseline, corpus, out, work, RECIPE), SettingsError, "is a Token-LM"),
        (lambda: train_systems(voice, corpus, out, work, RECIPE, share_parts=True), SettingsError, "same folder"),
        (lambda: train_systems(voice, corpus, out, work, RECIPE, ("token-lm",)), BundleError, "is no bundle"),
    ):
        with pytest.raises(error, match=words):
            refused()
    assert not work.exists()


def test_the_recipe_fits_every_system_of_the_embedded_voice() -> None:
    recipe = load_recipe_of(ModelRecipe, "systems")
    voice = read_config(Path(__file__).parents[3] / "assets" / "demo").model
    fitted = {name: recipe_of_system(name, recipe, voice) for name in SYSTEMS}
    assert {name: one.model.system for name, one in fitted.items()} == NAMES
    assert len({one.budget for one in fitted.values()}) == 1
    assert {one.model.transformer for one in fitted.values()} == {voice.transformer}
    assert {one.model.decoder for one in fitted.values()} == {voice.decoder}
    trained = {name for name, one in fitted.items() if one.trains("posterior_encoder")}
    assert trained == {"no-tokens"}, "the latents of a recording stay where tokens are beside them"
    assert {name for name, one in fitted.items() if one.drawn_latents} == {"vae-gslm"}
