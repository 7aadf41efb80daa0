"""A finished vocoder into a bundle that stays what it is otherwise."""

from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file

from undertone.engine import BundleConfig, load_bundle, save_bundle
from undertone.engine.config import VocoderConfig
from undertone.engine.vocoders import build_vocoder
from undertone.train.export import CONFIG, WEIGHTS, trained_numbers


def swap_vocoder(bundle: Path, vocoder: Path, out: Path, recipe: str) -> Path:
    """Write a bundle with another vocoder; what was measured of the old one's sound is left out, to be measured again.

    Args:
        bundle: folder of the bundle.
        vocoder: run of a vocoder, as `undertone vocoder` leaves it.
        out: folder to write; its probe and its card are made anew by `undertone probe` and `undertone evaluate`.
        recipe: of the vocoder, for the provenance.
    Raises:
        CorpusError: the run is not finished.
        ValueError: the vocoder reads another mel than the model makes.
    """
    loaded = load_bundle(bundle)
    numbers = trained_numbers(vocoder)
    config = TypeAdapter[VocoderConfig](VocoderConfig).validate_json((vocoder / CONFIG).read_text())
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
