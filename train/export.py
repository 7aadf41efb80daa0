"""Finished stages to files and bundles: weights as safetensors, configuration as JSON beside them."""

import json
import platform
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file
from torch import nn

from undertone.engine import BundleConfig, save_bundle
from undertone.engine.audio.loudness import LOUDNESS_LUFS
from undertone.engine.bundle import Provenance
from undertone.engine.config import Config, TokenizerConfig, VocoderConfig
from undertone.engine.network import VAEGSLM
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.tokenizers.hubert import HubertTokenizer
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.engine.vocoders import build_vocoder
from undertone.train.data.clean import SETTINGS, CleanSettings
from undertone.train.data.prepare import CorpusError
from undertone.train.loop.kept_recipe import told_changes
from undertone.train.loop.run import Clock
from undertone.train.model.recipe import ModelRecipe
from undertone.train.tokenizer.clip_features import Tokenizer, units_only

WEIGHTS, CONFIG, TRAINED, PREPARED = "export.safetensors", "export.json", "trained.json", "prepared.json"


def export_stage(module: nn.Module, config: Config, clock: Clock, out: Path, numbers: dict[str, float]) -> None:
    """Write what a stage made: its exported network, the network's configuration, steps, minutes and numbers."""
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, str(out / WEIGHTS))
    (out / CONFIG).write_text(config.model_dump_json(indent=2) + "\n")
    trained = {"steps": clock.step, "minutes": round(clock.seconds / 60, 1), **numbers}
    (out / TRAINED).write_text(json.dumps(trained, indent=2) + "\n")


def is_exported(out: Path) -> bool:
    """Return whether the stage of this folder has finished."""
    return (out / TRAINED).is_file()


def trained_numbers(out: Path) -> dict[str, float]:
    """Steps, minutes and numbers of a finished stage."""
    if not is_exported(out):
        raise CorpusError(f"{out} holds no finished stage (no {TRAINED}); run or resume it first")
    numbers: dict[str, float] = json.loads((out / TRAINED).read_text())
    return numbers


def load_tokenizer(out: Path) -> Tokenizer:
    """Return the tokenizer that the stage in this folder exported."""
    trained_numbers(out)
    tokenizer = build_tokenizer(TypeAdapter[TokenizerConfig](TokenizerConfig).validate_json((out / CONFIG).read_text()))
    tokenizer.load_state_dict(load_file(str(out / WEIGHTS)))
    tokenizer.eval()
    assert isinstance(tokenizer, PhoneReader | HubertTokenizer)
    return tokenizer


def keep_settings(prepared: Path, out: Path) -> None:
    """Remember beside a run what was done to the recordings, since a bundle does the same to its prompts."""
    if (prepared / SETTINGS).is_file():
        shutil.copyfile(prepared / SETTINGS, out / PREPARED)


def prompt_loudness(out: Path) -> float | None:
    """Loudness that the model of this run was trained at; None where levels were left alone."""
    if not (out / PREPARED).is_file():
        return LOUDNESS_LUFS
    return CleanSettings.model_validate_json((out / PREPARED).read_text()).loudness_lufs


@dataclass(frozen=True)
class Stages:
    """Folders of the finished stages of a bundle."""

    tokenizer: Path
    vocoder: Path
    model: Path
    earlier: tuple[Path, ...] = ()  # the runs that the model began with, in their order, for its provenance


def write_bundle(
    stages: Stages,
    out: Path,
    name: str,
    recipe: str,
    data: tuple[str, ...],
    licence: str,
    languages: tuple[str, ...] = ("en",),
) -> Path:
    """Assemble a bundle from finished stages, weights in float16, those of the tokenizer in 8 bits.

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
            recipe="; ".join(filter(None, [recipe, told_changes(stages.model)])),
            data=data,
            steps={stage: int(numbers["steps"]) for stage, numbers in trained.items()},
            minutes={stage: numbers["minutes"] for stage, numbers in trained.items()},
            machine=machine(),
            created=datetime.now(UTC).date().isoformat(),
        ),
        measured={f"{stage}_training": dict(numbers) for stage, numbers in trained.items()},
    )
    return save_bundle(out, config, model, vocoder, tokenizer, dtype=torch.float16, eight_bit=("tokenizer",))


def machine() -> str:
    """Return what trained: the GPU's name, or the processor and the number of threads."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
