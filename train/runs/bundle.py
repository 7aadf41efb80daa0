"""A bundle from the folders of finished stages."""

import platform
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file
from torch import nn

from undertone.engine import BundleConfig, save_bundle
from undertone.engine.audio.loudness import LOUDNESS_LUFS
from undertone.engine.bundle import Provenance
from undertone.engine.config import ModelConfig, TokenizerConfig, VocoderConfig
from undertone.engine.errors import BundleError
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
    model_config, model = read_model_run(stages.model)
    vocoder_config, vocoder = read_vocoder_run(stages.vocoder)
    tokenizer_config, tokenizer = read_tokenizer_run(stages.tokenizer)
    config = BundleConfig(
        name=name,
        licence=licence,
        languages=languages,
        model=model_config,
        vocoder=vocoder_config,
        tokenizer=tokenizer_config,
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


def record_of_replaced(
    old: BundleConfig,
    trained: Mapping[str, Mapping[str, float]],
    sentences: Sequence[str],
    data: Sequence[str] = (),
    forgotten: Collection[str] = (),
) -> dict[str, Any]:
    """Return `provenance` and `measured` of a bundle some of whose parts come from other runs.

    What was measured of its old sound is left out, to be measured again.

    Args:
        trained: what `trained_numbers` returned for each new part, by its name.
        sentences: what was done, for the provenance.
        data: corpora that the new parts were trained on.
        forgotten: more keys of `measured` that are no longer true.
    """
    provenance = old.provenance.model_copy(
        update={
            "recipe": "; ".join([old.provenance.recipe, *sentences]),
            "data": (*old.provenance.data, *(corpus for corpus in data if corpus not in old.provenance.data)),
            "steps": {**old.provenance.steps, **{part: int(numbers["steps"]) for part, numbers in trained.items()}},
            "minutes": {**old.provenance.minutes, **{part: numbers["minutes"] for part, numbers in trained.items()}},
        }
    )
    measured = {key: value for key, value in old.measured.items() if key not in {"evaluation", *forgotten}}
    measured |= {f"{part}_training": dict(numbers) for part, numbers in trained.items()}
    return {"provenance": provenance, "measured": measured}


def read_tokenizer_run(run: Path) -> tuple[TokenizerConfig, nn.Module]:
    """Return the part of a finished tokenizer that makes units, and its configuration.

    Raises:
        CorpusError: the run is not finished.
        BundleError: it is one of another part.
    """
    try:
        tokenizer = units_only(load_tokenizer(run))
    except ValidationError as error:
        raise BundleError(f"{run} holds no tokenizer; give the folder that `undertone tokenizer` wrote.") from error
    return tokenizer.config, tokenizer


def read_vocoder_run(run: Path) -> tuple[VocoderConfig, nn.Module]:
    """Return a finished vocoder and its configuration. Raises BundleError where the run is one of another part."""
    try:
        config: VocoderConfig = TypeAdapter[VocoderConfig](VocoderConfig).validate_json((run / CONFIG).read_text())
    except ValidationError as error:
        raise BundleError(f"{run} holds no vocoder; give the folder that `undertone vocoder` wrote.") from error
    network = build_vocoder(config)
    network.load_state_dict(load_file(str(run / WEIGHTS)))
    return config, network.eval()


def read_model_run(run: Path) -> tuple[ModelConfig, nn.Module]:
    """Return a finished model and its configuration. Raises BundleError where the run is one of another part."""
    try:
        config = ModelRecipe.model_validate_json((run / CONFIG).read_text()).model
    except ValidationError as error:
        raise BundleError(f"{run} holds no model; give the folder that `undertone train` wrote.") from error
    network = VAEGSLM(config)
    network.load_state_dict(load_file(str(run / WEIGHTS)))
    return config, network.eval()


def describe_machine() -> str:
    """Return the GPU's name, or the processor and the number of threads."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
