"""A bundle from the folders of finished stages."""

import platform
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file

from undertone.engine import BundleConfig, save_bundle
from undertone.engine.audio.loudness import LOUDNESS_LUFS
from undertone.engine.bundle import Provenance
from undertone.engine.config import VocoderConfig
from undertone.engine.network import VAEGSLM
from undertone.engine.vocoders import build_vocoder
from undertone.train.data.clean import SETTINGS, CleanSettings
from undertone.train.loop.saved_recipe import describe_changes
from undertone.train.loop.stage_export import CONFIG, WEIGHTS, trained_numbers
from undertone.train.model.recipe import ModelRecipe
from undertone.train.tokenizer.clip_features import units_only
from undertone.train.tokenizer.load import load_tokenizer

PREPARED = "prepared.json"


def copy_clean_settings(prepared: Path, out: Path) -> None:
    """Copy the settings of preparation beside a run, since a bundle prepares its prompts alike."""
    if (prepared / SETTINGS).is_file():
        shutil.copyfile(prepared / SETTINGS, out / PREPARED)


def prompt_loudness(out: Path) -> float | None:
    """Return the loudness in LUFS that a model was trained at; None where levels were left alone."""
    if not (out / PREPARED).is_file():
        return LOUDNESS_LUFS
    return CleanSettings.model_validate_json((out / PREPARED).read_text()).loudness_lufs


@dataclass(frozen=True)
class StageFolders:
    """Folders of the finished stages of a bundle."""

    tokenizer: Path
    vocoder: Path
    model: Path
    earlier: tuple[Path, ...] = ()  # the runs that the model began with, in their order, for its provenance


def write_bundle(
    stages: StageFolders,
    out: Path,
    name: str,
    recipe: str,
    data: tuple[str, ...],
    licence: str,
    languages: tuple[str, ...] = ("en",),
) -> Path:
    """Write a bundle from finished stages, weights in float16, those of the tokenizer in 8 bits; return its folder.

    Args:
        stages: each holds what `export_stage` wrote.
        name: of the bundle.
        data: the corpora trained on, with their licences.
        licence: of the bundle.
        languages: ISO 639 codes of the speech.
    """
    folders = {"tokenizer": stages.tokenizer, "vocoder": stages.vocoder}
    folders |= {run.name: run for run in stages.earlier} | {"model": stages.model}
    trained = {stage: trained_numbers(folder) for stage, folder in folders.items()}
    recipe_of_model = ModelRecipe.model_validate_json((stages.model / CONFIG).read_text())
    model = VAEGSLM(recipe_of_model.model)
    model.load_state_dict(load_file(str(stages.model / WEIGHTS)))
    vocoder_config = TypeAdapter[VocoderConfig](VocoderConfig).validate_json((stages.vocoder / CONFIG).read_text())
    vocoder = build_vocoder(vocoder_config)
    vocoder.load_state_dict(load_file(str(stages.vocoder / WEIGHTS)))
    tokenizer = units_only(load_tokenizer(stages.tokenizer))
    config = BundleConfig(
        name=name,
        licence=licence,
        languages=languages,
        model=recipe_of_model.model,
        vocoder=vocoder_config,
        tokenizer=tokenizer.config,
        prompt_loudness_lufs=prompt_loudness(stages.model),
        provenance=Provenance(
            recipe="; ".join(filter(None, [recipe, describe_changes(stages.model)])),
            data=data,
            steps={stage: int(numbers["steps"]) for stage, numbers in trained.items()},
            minutes={stage: numbers["minutes"] for stage, numbers in trained.items()},
            machine=describe_machine(),
            created=datetime.now(UTC).date().isoformat(),
        ),
        measured={f"{stage}_training": dict(numbers) for stage, numbers in trained.items()},
    )
    return save_bundle(out, config, model, vocoder, tokenizer, dtype=torch.float16, eight_bit=("tokenizer",))


def describe_machine() -> str:
    """Return the GPU's name, or the processor and the number of threads."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
