"""A bundle with parts of other runs, and everything else as it was.

`undertone replace-vocoder` and `undertone finetune` write such bundles.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file
from torch import nn

from undertone.engine import BundleConfig, load_bundle, save_bundle
from undertone.engine.config import TokenizerConfig, VocoderConfig
from undertone.engine.errors import BundleError
from undertone.engine.network import VAEGSLM
from undertone.engine.vocoders import build_vocoder
from undertone.train.loop.stage_export import CONFIG, WEIGHTS, trained_numbers
from undertone.train.model.recipe import ModelRecipe
from undertone.train.tokenizer.clip_features import units_only
from undertone.train.tokenizer.load import load_tokenizer


def replace_parts(
    bundle: Path,
    out: Path,
    *,
    tokenizer: Path | None = None,
    vocoder: Path | None = None,
    model: Path | None = None,
    data: tuple[str, ...] = (),
) -> Path:
    """Write a bundle with parts of finished runs; what was measured of the old ones' sound is left out.

    Args:
        bundle: folder of the bundle.
        out: folder to write; its probe and its card are made anew by `undertone probe` and `undertone evaluate`.
        tokenizer, vocoder, model: runs of the parts that change; None leaves a part as it is, to the byte.
        data: corpora that the new parts were trained on beside the bundle's own, for the provenance.
    Raises:
        CorpusError: a run is not finished.
        BundleError: a run is not one of its part, or the new part does not fit the others.
    """
    loaded = load_bundle(bundle)
    old = loaded.config
    runs = {"tokenizer": tokenizer, "vocoder": vocoder, "model": model}
    given = {part: run for part, run in runs.items() if run}
    parts: dict[str, Any] = {part: getattr(loaded, part) for part in runs}
    configs: dict[str, Any] = {part: getattr(old, part) for part in runs}
    trained = {part: trained_numbers(run) for part, run in given.items()}
    for part, run in given.items():
        configs[part], parts[part] = _READERS[part](run)
    _check_fit(old, configs, given)
    provenance = old.provenance.model_copy(
        update={
            "recipe": "; ".join(
                [
                    old.provenance.recipe,
                    *(f"its {part} was replaced by {run.resolve().name}" for part, run in given.items()),
                ]
            ),
            "data": (*old.provenance.data, *(corpus for corpus in data if corpus not in old.provenance.data)),
            "steps": {**old.provenance.steps, **{part: int(numbers["steps"]) for part, numbers in trained.items()}},
            "minutes": {**old.provenance.minutes, **{part: numbers["minutes"] for part, numbers in trained.items()}},
        }
    )
    # A student goes the way of the decoder that it was taught by, so it leaves with it.
    student = loaded.student if model is None else None
    configs["student"] = old.student if student is not None else None
    gone = {"evaluation"} if student is not None else {"evaluation", "student_training"}
    measured = {key: value for key, value in old.measured.items() if key not in gone}
    measured |= {f"{part}_training": dict(numbers) for part, numbers in trained.items()}
    new = BundleConfig.model_validate({**dict(old), **configs, "provenance": provenance, "measured": measured})
    networks = parts["model"], parts["vocoder"], parts["tokenizer"]
    return save_bundle(out, new, *networks, dtype=torch.float16, eight_bit=("tokenizer",), student=student)


def _check_fit(old: BundleConfig, configs: dict[str, Any], given: dict[str, Path]) -> None:
    """Compare what the parts tell each other: mels, units, the phones that units are parts of."""
    if configs["vocoder"].mel != configs["model"].mel:
        part = "vocoder" if "vocoder" in given else "model"
        raise BundleError(f"the {part} of {given[part]} has another mel than the bundle; train it again.")
    if configs["tokenizer"].num_units != configs["model"].num_tokens:
        raise BundleError(
            f"the tokenizer has {configs['tokenizer'].num_units} units and the model {configs['model'].num_tokens} "
            "tokens; they must be equal"
        )
    if "tokenizer" in given and "model" not in given and _phones(configs["tokenizer"]) != _phones(old.tokenizer):
        raise BundleError(
            f"the units of the tokenizer in {given['tokenizer']} mean something else than those of the bundle's, which "
            "its model has learnt; train the model again on the new tokens"
        )


def _phones(config: TokenizerConfig) -> tuple[str, ...] | None:
    """Return the phones whose parts the units are; None for clusters, whose numbers mean nothing elsewhere."""
    parts = getattr(config, "phone_parts", None)
    return parts.phones if parts else None


def _read_tokenizer(run: Path) -> tuple[TokenizerConfig, nn.Module]:
    try:
        tokenizer = units_only(load_tokenizer(run))
    except ValidationError as error:
        raise BundleError(f"{run} holds no tokenizer; give the folder that `undertone tokenizer` wrote.") from error
    return tokenizer.config, tokenizer


def _read_vocoder(run: Path) -> tuple[VocoderConfig, nn.Module]:
    try:
        config: VocoderConfig = TypeAdapter[VocoderConfig](VocoderConfig).validate_json((run / CONFIG).read_text())
    except ValidationError as error:
        raise BundleError(f"{run} holds no vocoder; give the folder that `undertone vocoder` wrote.") from error
    network = build_vocoder(config)
    network.load_state_dict(load_file(str(run / WEIGHTS)))
    return config, network.eval()


def _read_model(run: Path) -> tuple[Any, nn.Module]:
    try:
        config = ModelRecipe.model_validate_json((run / CONFIG).read_text()).model
    except ValidationError as error:
        raise BundleError(f"{run} holds no model; give the folder that `undertone train` wrote.") from error
    network = VAEGSLM(config)
    network.load_state_dict(load_file(str(run / WEIGHTS)))
    return config, network.eval()


_READERS = {"tokenizer": _read_tokenizer, "vocoder": _read_vocoder, "model": _read_model}
