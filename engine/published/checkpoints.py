"""Reading the authors' checkpoints: compact, full Lightning or safetensors, without ever running a pickle's code."""

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import BundleError

CHECKPOINT_NAMES = ("last-cpt.ckpt", "last.ckpt", "model.safetensors", "generator.safetensors")


def find_checkpoint(path: Path) -> Path:
    """The checkpoint of a folder, or the file itself.

    Raises:
        BundleError: there is none, or several and none has the usual name.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise BundleError(f"there is no file or folder {path}.")
    for name in CHECKPOINT_NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted(file.name for file in path.iterdir() if file.suffix in (".ckpt", ".safetensors", ".pt"))
    if len(found) == 1:
        return path / found[0]
    listed = ", ".join(found) or "none"
    raise BundleError(f"{path}: expected {' or '.join(CHECKPOINT_NAMES)}; checkpoints found: {listed}. Name one.")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint by name; of a Lightning checkpoint those of its `state_dict`."""
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


def below(tensors: Mapping[str, Tensor], prefix: str, path: Path) -> dict[str, Tensor]:
    """The part of a full checkpoint below a prefix, or all of a compact one."""
    if not any(name.startswith(("model.", "vocoder.model.")) for name in tensors):
        return dict(tensors)
    if foreign := [name for name in tensors if not name.startswith(("model.", "vocoder.model."))]:
        raise BundleError(f"{path}: unexpected tensor {foreign[0]!r} beside those of `model.` and `vocoder.model.`.")
    part = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not part:
        raise BundleError(f"{path}: no tensor starts with {prefix!r}; expected a full checkpoint of the model.")
    return part


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Plain weights from weight norm, under old names (`weight_g`, `weight_v`) and new ones (parametrizations).

    weight = g v / |v|, with the norm over the dims in which g has size 1.
    """
    folded: dict[str, Tensor] = {}
    forms = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))
    for name, tensor in tensors.items():
        pair = next(((g, v) for g, v in forms if name.endswith((g, v))), None)
        if pair is None:
            folded[name] = tensor
            continue
        stem = name.removesuffix(pair[0]).removesuffix(pair[1])
        if stem + pair[0] not in tensors or stem + pair[1] not in tensors:
            raise BundleError(f"weight norm of {stem!r} is incomplete: expected {stem + pair[0]} and {stem + pair[1]}.")
        g, v = tensors[stem + pair[0]].float(), tensors[stem + pair[1]].float()
        dims = [dim for dim in range(v.ndim) if g.ndim != v.ndim or g.shape[dim] == 1 != v.shape[dim]]
        folded[stem + ".weight"] = g * v / torch.linalg.vector_norm(v, dim=dims or list(range(1, v.ndim)), keepdim=True)
    return folded


def checked_tensors(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    path: Path,
    hp_path: Path,
    optional: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Exactly the expected tensors, float32.

    Raises:
        BundleError: a tensor is missing, unknown, of another shape or not finite; names file, key and both shapes.
    """
    if missing := [name for name in expected if name not in tensors]:
        raise BundleError(
            f"{path}: missing tensor {missing[0]!r} of shape {list(expected[missing[0]])}{_more(missing)}. "
            f"{hp_path} asks for it: use the hp.yaml that was saved with this checkpoint."
        )
    if unknown := [name for name in tensors if name not in expected and name not in set(optional)]:
        shape = list(tensors[unknown[0]].shape)
        raise BundleError(
            f"{path}: unexpected tensor {unknown[0]!r} of shape {shape}{_more(unknown)}. "
            f"{hp_path} does not ask for it: use the hp.yaml that was saved with this checkpoint."
        )
    wrong = [name for name, shape in expected.items() if tuple(tensors[name].shape) != tuple(shape)]
    if wrong:
        raise BundleError(
            f"{path}: {wrong[0]} has shape {list(tensors[wrong[0]].shape)}, {hp_path} asks for "
            f"{list(expected[wrong[0]])}{_more(wrong)}. Use the hp.yaml that was saved with this checkpoint."
        )
    if broken := [name for name in expected if not torch.isfinite(tensors[name]).all()]:
        raise BundleError(f"{path}: {broken[0]} holds values that are not finite{_more(broken)}. Fetch the file again.")
    return {name: tensors[name].float() for name in expected}


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
