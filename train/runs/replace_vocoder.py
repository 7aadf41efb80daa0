"""`undertone replace-vocoder`: a bundle with the vocoder of another run, and everything else as it was."""

from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file

from undertone.engine import BundleConfig, load_bundle, save_bundle
from undertone.engine.config import VocoderConfig
from undertone.engine.errors import BundleError
from undertone.engine.vocoders import build_vocoder
from undertone.train.loop.stage_export import CONFIG, WEIGHTS, trained_numbers


def replace_vocoder(bundle: Path, vocoder: Path, out: Path, recipe: str) -> Path:
    """Write a bundle with another vocoder; what was measured of the old one's sound is left out, to be measured again.

    Args:
        bundle: folder of the bundle.
        vocoder: run of a vocoder, as `undertone vocoder` leaves it.
        out: folder to write; its probe and its card are made anew by `undertone probe` and `undertone evaluate`.
        recipe: of the vocoder, for the provenance.
    Raises:
        CorpusError: the run is not finished.
        BundleError: the run is not one of a vocoder, or its vocoder reads another mel than the model makes.
    """
    loaded = load_bundle(bundle)
    numbers = trained_numbers(vocoder)
    config = _vocoder_config(vocoder)
    if config.mel != loaded.config.model.mel:
        raise BundleError(
            f"the vocoder of {vocoder} reads another mel than the model of {bundle} makes; train it again."
        )
    network = build_vocoder(config)
    network.load_state_dict(load_file(str(vocoder / WEIGHTS)))
    old = loaded.config
    provenance = old.provenance.model_copy(
        update={
            "recipe": f"{old.provenance.recipe}; its vocoder was replaced by {recipe}",
            "steps": {**old.provenance.steps, "vocoder": int(numbers["steps"])},
            "minutes": {**old.provenance.minutes, "vocoder": numbers["minutes"]},
        }
    )
    measured = {key: value for key, value in old.measured.items() if key != "evaluation"}
    measured["vocoder_training"] = dict(numbers)
    changed = {"vocoder": config, "provenance": provenance, "measured": measured}
    new = BundleConfig.model_validate({**dict(old), **changed})
    tokenizer = loaded.tokenizer
    assert isinstance(tokenizer, torch.nn.Module)
    return save_bundle(out, new, loaded.model, network.eval(), tokenizer, dtype=torch.float16, eight_bit=("tokenizer",))


def _vocoder_config(run: Path) -> VocoderConfig:
    """Return the configuration of the vocoder that a run exported. Raises BundleError where it is of another stage."""
    try:
        return TypeAdapter[VocoderConfig](VocoderConfig).validate_json((run / CONFIG).read_text())
    except ValidationError as error:
        raise BundleError(f"{run} holds no vocoder; give the folder that `undertone vocoder` wrote.") from error
