"""Tensors of checkpoints that others wrote, without ever running a pickle's code."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from undertone.engine.errors import BundleError

WEIGHT_NORM_NAMES = (
    (".weight_g", ".weight_v"),  # torch.nn.utils.weight_norm
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),  # torch >= 2.0
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return all tensors of a checkpoint by name; of a Lightning checkpoint those of its `state_dict`."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        values = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BundleError(
            f"{path} is damaged or no checkpoint of tensors ({reason}). It is only read with weights_only=True."
        ) from error
    if isinstance(values, Mapping) and isinstance(values.get("state_dict"), Mapping):
        values = values["state_dict"]
    if not isinstance(values, Mapping) or not values or not all(isinstance(v, Tensor) for v in values.values()):
        raise BundleError(f"{path} holds no state dict; expected names and tensors.")
    return {str(name): tensor for name, tensor in values.items()}


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace weight norm, under its old or new names, by plain weights; everything else stays.

    weight = g v / |v|, one norm for each entry of the dim that g keeps.

    Raises:
        BundleError: one of the two tensors is missing.
    """
    folded = dict(tensors)
    for name in tensors:
        for g_name, v_name in WEIGHT_NORM_NAMES:
            if not name.endswith((g_name, v_name)):
                continue
            stem = name.removesuffix(g_name).removesuffix(v_name)
            names = (stem + g_name, stem + v_name)
            if not all(part in tensors for part in names):
                raise BundleError(f"weight norm of {stem!r} is incomplete: expected {names[0]} and {names[1]}.")
            g, v = (tensors[part].float() for part in names)
            kept = max(range(g.ndim), key=lambda dim: g.shape[dim])
            # torch's own formula: another order of the same products moves a deep vocoder's samples by 1e-4
            folded[stem + ".weight"] = torch._weight_norm(v, g, kept)
            del folded[name]
    return folded
