"""`undertone systems`: the systems of the paper's comparison from one finished voice, each trained equally long."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from undertone.engine import SettingsError, load_bundle, save_bundle
from undertone.engine.bundle import Bundle, BundleConfig, check_bundle_may_be_written
from undertone.engine.config import ModelConfig
from undertone.train.data.prepare import prepare
from undertone.train.loop.saved_recipe import save_recipe
from undertone.train.loop.stage_export import trained_numbers
from undertone.train.model.recipe import SETTINGS_OF_LATENTS, ModelRecipe
from undertone.train.recipes import merge_settings
from undertone.train.runs.bundle import read_model_run, record_of_replaced
from undertone.train.runs.finetune import START, TOKENIZER, clean_settings, export_once
from undertone.train.runs.stages import run_model

# What each system has otherwise than the voice. The first is the voice itself, trained on for as many steps as the
# others: whatever those steps alone change is then no difference between systems.
SYSTEMS: dict[str, dict[str, Any]] = {
    "vae-gslm": {},
    "token-lm": {"beside": "nothing", "latent_dim": 0},
    "token-lm-pitch": {"beside": "pitch", "latent_dim": 1},
    "token-lm-acoustic": {
        "beside": "codes",
        "latent_dim": 4,
        "codes": {"depth_dim": 128, "depth_feedforward_dim": 384},
    },
    "no-tokens": {"num_tokens": 1},
}
SHARED = ("tokenizer", "vocoder")  # parts that the systems have in common, stored once, in the voice's bundle


@dataclass(frozen=True)
class TrainedSystem:
    """A system of the comparison as it was made: its bundle, and its losses per frame on the dev split."""

    name: str
    bundle: Path
    losses: dict[str, float]


def train_systems(
    bundle: Path,
    corpus: Path,
    out: Path,
    work: Path,
    recipe: ModelRecipe,
    names: tuple[str, ...] = tuple(SYSTEMS),
    data: tuple[str, ...] = (),
    share_parts: bool = False,
    cpu: bool = False,
    workers: int = 2,
) -> list[TrainedSystem]:
    """Train systems of the comparison, each from the weights of one voice that it has a place for.

    All have the voice's tokenizer, vocoder, sizes, corpus, windows and number of steps; what is new in a system (the
    head of a pitch, the codes and their depth transformer) begins untrained. An interrupted call goes on.

    Args:
        bundle: folder of the voice, a VAE-GSLM.
        corpus: recordings, in any layout that `prepare` reads; the split train is trained on, dev is measured.
        out: folder of the bundles, one folder for each system.
        work: prepared corpus and runs.
        recipe: what is trained and for how many steps; its model is replaced by the system's.
        names: of the systems, out of `SYSTEMS`.
        data: the corpus with its licence, for the provenance.
        share_parts: leave tokenizer and vocoder in the voice's bundle, which then lies beside the systems'.
        workers: processes that prepare, assign tokens and measure pitch on the CPU.
    Raises:
        SettingsError: a name that is no system, a voice that is no VAE-GSLM with tokens, a recipe with a budget other
            than steps or frames, or a voice that does not lie in `out` though its parts are to be shared.
        CorpusError: nothing usable in the corpus.
        BundleError: no bundle, or a folder in `out` that is to be written and is no bundle.
    """
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise SettingsError(f"there is no system {unknown[0]!r}; choose from {', '.join(SYSTEMS)}")
    if recipe.minutes is not None:
        raise SettingsError("systems are compared after equally many steps: give the recipe steps, not minutes")
    loaded = load_bundle(bundle)
    check_voice(loaded)
    if share_parts and bundle.resolve().parent != out.resolve():
        raise SettingsError(
            f"parts are shared with a bundle in the same folder, and {bundle} does not lie in {out}; give --out "
            f"{bundle.resolve().parent} or leave --share-parts out"
        )
    for name in names:
        check_bundle_may_be_written(out / name)
    save_recipe(work / START, loaded.config.model, bundle=loaded.fingerprint)  # refuses a folder of another voice
    prepared = work / "prepared"
    prepare(corpus, prepared, workers=workers, settings=clean_settings(loaded.config))
    assert isinstance(loaded.tokenizer, nn.Module)
    export_once(loaded.tokenizer, loaded.config.tokenizer, work / TOKENIZER)
    export_once(loaded.model, recipe, work / START)
    made = []
    for name in names:
        fitted = recipe_of_system(name, recipe, loaded.config.model)
        run = work / name
        run_model(
            fitted, prepared, work / TOKENIZER, run, cpu, work / START, None, workers, start_of_another_system=True
        )
        shared = {part: bundle.resolve().name for part in SHARED} if share_parts else {}
        written = write_system(loaded, run, out / name, f"{loaded.config.name}-{name}", data, shared)
        made.append(TrainedSystem(name, written, trained_numbers(run)))
    return made


def check_voice(voice: Bundle) -> None:
    """Check that a voice has all that the systems take from it. Raises SettingsError."""
    model = voice.config.model
    if not (model.has_latents and model.has_tokens) or model.joint_head:
        raise SettingsError(f"systems are made of a VAE-GSLM, and bundle {voice.name!r} is a {model.system}")


def recipe_of_system(name: str, recipe: ModelRecipe, voice: ModelConfig) -> ModelRecipe:
    """Return the recipe that trains a system with the sizes of a voice."""
    model = ModelConfig.model_validate(merge_settings(voice.model_dump(), SYSTEMS[name]))
    of_system: dict[str, Any] = {"name": name, "model": model, "tokens": model.has_tokens}
    if not model.has_tokens:  # all that is said has to go into the latents
        of_system |= {"train_posterior": True, "drawn_latents": 0.0}
    if not model.has_latents:
        of_system |= dict.fromkeys(SETTINGS_OF_LATENTS, 0.0)
    if model.beside == "pitch":
        of_system |= {"pitch_clips": 1.0, "beside_weight": 0.5}  # as published
    return ModelRecipe.model_validate({**dict(recipe), **of_system})


def write_system(voice: Bundle, run: Path, out: Path, name: str, data: tuple[str, ...], shared: dict[str, str]) -> Path:
    """Write the bundle of a finished system, with the voice's tokenizer and vocoder.

    Args:
        run: folder of the system's run.
        shared: name of the neighbouring bundle that holds a part, by part; such a part is not written.
    """
    model_config, model = read_model_run(run)
    numbers = trained_numbers(run)
    record = record_of_replaced(
        voice.config,
        {"model": numbers},
        [f"its model was trained on as {model_config.system} for {int(numbers['steps']):,} steps"],
        data,
        forgotten=("student_training",),
    )
    changed = {"name": name, "model": model_config, "student": None, "shared_parts": shared, "limits": ()}
    config = BundleConfig.model_validate({**dict(voice.config), **changed, **record})
    assert isinstance(voice.tokenizer, nn.Module)
    return save_bundle(
        out, config, model, voice.vocoder, voice.tokenizer, dtype=torch.float16, eight_bit=("tokenizer",)
    )
