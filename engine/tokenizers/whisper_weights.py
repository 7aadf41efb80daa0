"""Whisper's encoder weights in the Hugging Face layout, of any size."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from undertone.engine.config import WhisperConfig
from undertone.engine.errors import BundleError
from undertone.engine.tokenizers.hubert_weights import read_huggingface
from undertone.engine.tokenizers.whisper_encoder import WhisperEncoder, sinusoids

PREFIX = re.compile(r"(model\.)?encoder\.")  # in a file that holds a whole Whisper
HEAD_DIM = 64  # of every published size
POSITIONS = "embed_positions.weight"
POSITION_TOLERANCE = 2e-3  # float16 and more


def read_whisper(source: str | Path) -> dict[str, Tensor]:
    """Return the tensors of the encoder alone, float32, without a prefix.

    Args:
        source: a folder, a file or a Hub id; a whole Whisper or its encoder.
    Raises:
        BundleError: nothing there, or no Whisper encoder in it.
    """
    path, tensors = read_huggingface(source, "Whisper")
    behind = {name.split("encoder.", 1)[1]: value for name, value in tensors.items() if PREFIX.match(name)}
    plain = behind or dict(tensors)
    if "conv1.weight" not in plain or "layers.0.fc1.weight" not in plain:
        raise BundleError(
            f"{path} holds no Whisper encoder: expected conv1.weight and layers.0.fc1.weight, alone or behind "
            f"model.encoder., found {sorted(tensors)[:3]} …"
        )
    return {name: value.float() for name, value in plain.items()}


def whisper_sizes(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Return the fields of a `WhisperConfig` that an encoder's tensors decide."""
    dim, num_mels, _ = tensors["conv1.weight"].shape
    layers = {int(found[1]) for name in tensors if (found := re.match(r"layers\.(\d+)\.", name))}
    max_frames = tensors[POSITIONS].shape[0] if POSITIONS in tensors else WhisperConfig().max_frames
    return {
        "num_mels": num_mels,
        "dim": dim,
        "num_layers": len(layers),
        "num_heads": max(1, dim // HEAD_DIM),
        "feedforward_dim": tensors["layers.0.fc1.weight"].shape[0],
        "max_frames": max_frames,
    }


def load_whisper(encoder: WhisperEncoder, tensors: Mapping[str, Tensor]) -> None:
    """Fill an encoder of the same sizes; its positions are computed, so stored ones must be the same.

    Raises:
        BundleError: a tensor that is missing, unknown or of another shape, or other positions than Whisper's.
    """
    positions = tensors.get(POSITIONS)
    if positions is not None and not torch.allclose(
        positions, sinusoids(*positions.shape), atol=POSITION_TOLERANCE, rtol=0
    ):
        raise BundleError(f"{POSITIONS} holds learned positions; expected the sinusoids of Whisper's encoder")
    try:
        encoder.load_state_dict({name: value for name, value in tensors.items() if name != POSITIONS})
    except RuntimeError as error:
        raise BundleError(f"these are not the weights of a Whisper encoder of this size: {error}") from error
