"""A bundle with parts of other runs, and everything else as it was.

`undertone replace-vocoder` and `undertone finetune` write such bundles.
"""

from pathlib import Path
from typing import Any

import torch

from undertone.engine import BundleConfig, load_bundle, save_bundle
from undertone.engine.config import TokenizerConfig
from undertone.engine.errors import BundleError
from undertone.train.loop.stage_export import trained_numbers
from undertone.train.runs.bundle import read_model_run, read_tokenizer_run, read_vocoder_run, record_of_replaced


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
    # A student goes the way of the decoder that it was taught by, so it leaves with it.
    student = loaded.student if model is None else None
    configs["student"] = old.student if student is not None else None
    record = record_of_replaced(
        old,
        trained,
        [f"its {part} was replaced by {run.resolve().name}" for part, run in given.items()],
        data,
        forgotten=() if student is not None else ("student_training",),
    )
    new = BundleConfig.model_validate({**dict(old), **configs, "shared_parts": {}, **record})
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


_READERS = {"tokenizer": read_tokenizer_run, "vocoder": read_vocoder_run, "model": read_model_run}
