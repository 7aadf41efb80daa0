"""Finding the authors' checkpoints and checking what they hold: compact, full Lightning or safetensors."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from undertone.engine.errors import BundleError

CHECKPOINT_NAMES = ("last-cpt.ckpt", "last.ckpt", "model.safetensors", "generator.safetensors")


def find_checkpoint(path: Path) -> Path:
    """Return the checkpoint of a folder, or the file itself.

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
    # The training script writes each checkpoint twice, X.ckpt in full and X-cpt.ckpt compact: the same weights.
    single = [name for name in found if f"{name.removesuffix('.ckpt')}-cpt.ckpt" not in found]
    if len(single) == 1:
        return path / single[0]
    listed = ", ".join(found) or "none"
    raise BundleError(f"{path}: expected {' or '.join(CHECKPOINT_NAMES)}; checkpoints found: {listed}. Name one.")


def tensors_under(tensors: Mapping[str, Tensor], prefix: str, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a full checkpoint whose names begin with a prefix, or all of a compact one."""
    if not any(name.startswith(("model.", "vocoder.model.")) for name in tensors):
        return dict(tensors)
    if foreign := [name for name in tensors if not name.startswith(("model.", "vocoder.model."))]:
        raise BundleError(f"{path}: unexpected tensor {foreign[0]!r} beside those of `model.` and `vocoder.model.`.")
    part = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not part:
        raise BundleError(f"{path}: no tensor starts with {prefix!r}; expected a full checkpoint of the model.")
    return part


def check_tensors(
    tensors: Mapping[str, Tensor],
    expected: Mapping[str, tuple[int, ...]],
    path: Path,
    hp_path: Path,
    optional: Iterable[str] = (),
) -> dict[str, Tensor]:
    """Return exactly the expected tensors, float32.

    Raises:
        BundleError: a tensor is missing, unknown, of another shape or not finite; names file, key and both shapes.
    """
    if missing := [name for name in expected if name not in tensors]:
        raise BundleError(
            f"{path}: missing tensor {missing[0]!r} of shape {list(expected[missing[0]])}{_count_rest(missing)}. "
            f"{hp_path} asks for it: use the hp.yaml that was saved with this checkpoint."
        )
    if unknown := [name for name in tensors if name not in expected and name not in set(optional)]:
        shape = list(tensors[unknown[0]].shape)
        raise BundleError(
            f"{path}: unexpected tensor {unknown[0]!r} of shape {shape}{_count_rest(unknown)}. "
            f"{hp_path} does not ask for it: use the hp.yaml that was saved with this checkpoint."
        )
    wrong = [name for name, shape in expected.items() if tuple(tensors[name].shape) != tuple(shape)]
    if wrong:
        raise BundleError(
            f"{path}: {wrong[0]} has shape {list(tensors[wrong[0]].shape)}, {hp_path} asks for "
            f"{list(expected[wrong[0]])}{_count_rest(wrong)}. Use the hp.yaml that was saved with this checkpoint."
        )
    if broken := [name for name in expected if not torch.isfinite(tensors[name]).all()]:
        raise BundleError(
            f"{path}: {broken[0]} holds values that are not finite{_count_rest(broken)}. Fetch the file again."
        )
    return {name: tensors[name].float() for name in expected}


def _count_rest(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
