"""HuBERT weights in the Hugging Face layout to the names of torchaudio's architecture."""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from undertone.engine.errors import BundleError
from undertone.engine.files.checkpoints import fold_weight_norm, read_tensors

FILES = ("model.safetensors", "pytorch_model.bin")
_UNUSED = re.compile(r"^(masked_spec_embed|lm_head\..*|num_batches_tracked)$")  # of pre-training and fine-tuning


def read_huggingface(source: str | Path, model: str = "HuBERT") -> tuple[Path, dict[str, Tensor]]:
    """Return the tensors of a folder, a file or a Hub id, and the file they came from.

    Args:
        model: what is looked for, for messages.

    Raises:
        BundleError: nothing there, or it cannot be fetched.
    """
    path = Path(source)
    if path.is_dir():
        found = [path / name for name in FILES if (path / name).is_file()]
        if not found:
            raise BundleError(f"{path} has neither {' nor '.join(FILES)}; expected {model} weights as on the Hub.")
        path = found[0]
    elif not path.is_file():
        path = _fetch(str(source), model)
    return path, read_tensors(path)


def _fetch(repository: str, model: str) -> Path:
    import huggingface_hub  # only reached for a Hub id, and slow to import

    try:
        folder = Path(huggingface_hub.snapshot_download(repository, allow_patterns=list(FILES)))
    except Exception as error:  # its errors come from several libraries, and offline is the usual one
        raise BundleError(
            f"there is no file or folder {repository!r}, and the Hub repository could not be fetched "
            f"({type(error).__name__}). Download {model} where there is network and give its folder."
        ) from error
    found = [folder / name for name in FILES if (folder / name).is_file()]
    if not found:
        raise BundleError(f"the Hub repository {repository!r} has neither {' nor '.join(FILES)}.")
    return found[0]


def from_huggingface(tensors: Mapping[str, Tensor], target: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the state dict of torchaudio's model from Hugging Face names.

    Args:
        tensors: with or without the prefix `hubert.`; weight norm of the position convolution under old or new names.
        target: the model's own state dict, for names and shapes.
        path: of the file, for messages.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in _rename_and_fold(tensors).items():
        name = re.sub(r"^feature_projection\.", "encoder.feature_projection.", name)
        name = re.sub(r"^encoder\.(pos_conv_embed|layers|layer_norm)\b", r"encoder.transformer.\1", name)
        renamed[name] = tensor
    for name, tensor in target.items():  # convolutions without biases are convolutions with zero biases
        if re.fullmatch(r"feature_extractor\.conv_layers\.\d+\.conv\.bias", name):
            renamed.setdefault(name, torch.zeros_like(tensor))
    if missing := [name for name in target if name not in renamed]:
        raise BundleError(f"{path}: missing HuBERT tensor {missing[0]!r} and {len(missing) - 1} more of {len(target)}.")
    if unknown := [name for name in renamed if name not in target]:
        raise BundleError(f"{path}: unexpected tensor {unknown[0]!r}; expected HuBERT-large as on the Hub.")
    if wrong := [name for name in target if renamed[name].shape != target[name].shape]:
        raise BundleError(
            f"{path}: {wrong[0]} has shape {list(renamed[wrong[0]].shape)}, expected {list(target[wrong[0]].shape)}."
        )
    return {name: renamed[name].float() for name in target}


def _rename_and_fold(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefix and what makes no features, and fold the position convolution's weight norm."""
    plain = {name.removeprefix("hubert."): tensor for name, tensor in tensors.items()}
    return fold_weight_norm({name: tensor for name, tensor in plain.items() if not _UNUSED.match(name)})
