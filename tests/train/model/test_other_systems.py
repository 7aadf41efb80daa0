"""The other systems of the paper's comparison train from a recipe with the same loop, and export bundles."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from pydantic import ValidationError

from tests.speechlike import voice
from tests.tiny_bundle import OTHER_SYSTEMS, change_config
from tests.train.tiny_recipes import MODEL
from undertone.engine import Engine, Sampling
from undertone.engine.config import GriffinLimConfig
from undertone.engine.vocoders import build_vocoder
from undertone.train.loop.budget import Clock
from undertone.train.loop.stage_export import export_stage
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import ModelStage
from undertone.train.recipes import load_recipe_of
from undertone.train.runs.bundle import StageFolders, write_bundle


def recipe_of(system: str) -> ModelRecipe:
    values = MODEL.model_dump() | {
        "model": change_config(MODEL.model, OTHER_SYSTEMS[system]),
        "tokens": "num_tokens" not in OTHER_SYSTEMS[system],
        "pitch_clips": 1.0,
        "kl_warmup": 0.0,
        "learning_rate": 3e-3,
        "beta": 1.0,
    }
    return ModelRecipe.model_validate(values)


@pytest.mark.parametrize("system", OTHER_SYSTEMS)
def test_a_system_trains_and_its_bundle_continues_a_recording(
    system: str, prepared: Path, tokens: Path, tokenizer_run: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(system)
    stage = ModelStage(recipe, prepared, tokens, Accelerator(cpu=True))
    losses = [stage.step(0, 0.5)["loss"] for _ in range(3)]  # the windows and the noise of one step, again and again
    assert losses[0] > losses[1] > losses[2]
    dev = stage.evaluate(0)
    assert ("kl" in dev) == recipe.model.has_latents
    assert {"pitch", "codes"} & dev.keys() == {"pitch", "codes"} & {recipe.model.beside}
    assert stage.samples(0)
    vocoder = GriffinLimConfig(iterations=1)
    for name in ("model", "vocoder"):
        (tmp_path / name).mkdir()
    export_stage(stage.export_networks()["model"], recipe, Clock(3, 60.0), tmp_path / "model", dev)
    export_stage(build_vocoder(vocoder), vocoder, Clock(), tmp_path / "vocoder", {})
    stages = StageFolders(tokenizer_run, tmp_path / "vocoder", tmp_path / "model")
    engine = Engine.from_pretrained(write_bundle(stages, tmp_path / "bundle", "tiny", "tiny", (), "cc0-1.0"))
    assert engine.bundle.config.model.system == system
    speech = engine.analyse(torch.from_numpy(voice(1.2, 120, 0)), 16_000)
    take = engine.continue_(speech, 0.4, Sampling(steps=2, end="never"), seed=0)
    assert torch.isfinite(take.audio).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pitch_weight": 0.1}, r"pitch_weight is about latents, and a Token-LM \+ Pitch .* has none"),
        ({"scheduled_sampling": 0.1}, "scheduled_sampling is about latents"),
        ({"drawn_latents": 0.1}, "drawn_latents is about latents"),
        ({"latents": False}, "latents is about latents"),
        ({"pitch_clips": 0.5}, "reads the pitch of every clip, and pitch_clips is 0.5; set it to 1"),
    ],
)
def test_settings_of_latents_are_refused_where_there_are_none(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ModelRecipe.model_validate(recipe_of("Token-LM + Pitch").model_dump() | changes)


@pytest.mark.parametrize("size", ["librispeech", "small"])
@pytest.mark.parametrize("kind", ["flow-matching", "regression"])
def test_every_decoder_has_a_recipe_of_both_sizes(size: str, kind: str) -> None:
    recipe = load_recipe_of(ModelRecipe, f"{size}-{kind}")
    own = load_recipe_of(ModelRecipe, "librispeech-960" if size == "librispeech" else "small-cpu")
    assert recipe.model.decoder.kind == kind.replace("-", "_")
    assert recipe.model.decoder.hidden_channels == own.model.decoder.hidden_channels
    assert recipe.budget == own.budget


@pytest.mark.parametrize("size", ["librispeech", "small"])
def test_every_system_has_a_recipe_of_both_sizes(size: str) -> None:
    names = {
        "Token-LM": "token-lm",
        "Token-LM + Pitch": "token-lm-pitch",
        "Token-LM + Acoustic": "token-lm-acoustic",
        "VAE-GSLM - tokens": "no-tokens",
        "VAE-GSLM + joint head": "joint-head",
    }
    assert names.keys() == OTHER_SYSTEMS.keys()
    own = load_recipe_of(ModelRecipe, "librispeech-960" if size == "librispeech" else "small-cpu")
    for system, name in names.items():
        recipe = load_recipe_of(ModelRecipe, f"{size}-{name}")
        assert recipe.model.system == system
        assert recipe.model.transformer == own.model.transformer
        assert recipe.model.decoder == own.model.decoder
        assert recipe.budget == own.budget
