"""Checkpoints in every layout the authors use, made from the golden weights."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from tests.golden.golden import Golden
from undertone.engine.files.checkpoints import fold_weight_norm


def write_model(folder: Path, golden: Golden, hp: dict[str, Any] | None = None) -> Path:
    """Compact checkpoint and hp.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(OrderedDict(golden.weights), folder / "last-cpt.ckpt")
    (folder / "hp.yaml").write_text(yaml.safe_dump(hp or golden.model_hp))
    return folder


def write_lightning(folder: Path, golden: Golden) -> Path:
    """Full checkpoint: the model below `model.`, the vocoder folded below `vocoder.model.`, training state beside."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {f"model.{name}": tensor for name, tensor in golden.weights.items()}
    state |= {f"vocoder.model.{name}": tensor for name, tensor in fold_weight_norm(golden.generator).items()}
    extra = {"epoch": 1, "global_step": 6, "optimizer_states": [{"state": {}, "param_groups": [{"lr": 5e-4}]}]}
    torch.save({"state_dict": OrderedDict(state), "pytorch-lightning_version": "2.5.1", **extra}, folder / "e.ckpt")
    (folder / "hp.yaml").write_text(yaml.safe_dump(golden.model_hp))
    return folder


def write_vocoder(folder: Path, golden: Golden, names: str = "new", hp: dict[str, Any] | None = None) -> Path:
    """Vocoder folder: weight norm under new or old names, folded, or as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Tensor] = dict(golden.generator)
    if names == "old":
        renamed = (
            (".parametrizations.weight.original0", ".weight_g"),
            (".parametrizations.weight.original1", ".weight_v"),
        )
        for new, old in renamed:
            state = {name.replace(new, old): tensor for name, tensor in state.items()}
    elif names == "folded":
        state = fold_weight_norm(state)
    if names == "safetensors":
        save_file(state, folder / "generator.safetensors")
    else:
        torch.save(OrderedDict(state), folder / "last-cpt.ckpt")
    (folder / "hp.yaml").write_text(yaml.safe_dump(hp or golden.vocoder_hp))
    return folder


def write_kmeans(path: Path, num_units: int = 200, dim: int = 32) -> Path:
    np.save(path, np.random.default_rng(0).normal(size=(num_units, dim)).astype(np.float32))
    return path


def huggingface_hubert(
    dim: int, num_layers: int, feedforward_dim: int, seed: int = 0, conv_bias: bool = True
) -> dict[str, Tensor]:
    """Random HuBERT weights under the names of the Hub, the way `HubertModel.state_dict()` gives them."""
    generator = torch.Generator().manual_seed(seed)

    def values(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * (0.3 / max(1, shape[-1]) ** 0.5)

    state: dict[str, Tensor] = {"masked_spec_embed": values(dim)}

    def affine(name: str, *shape: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = values(*shape), values(shape[0])

    def norm(name: str, size: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + values(size), values(size)

    for i, (width, kernel) in enumerate([(1, 10)] + [(512, 3)] * 4 + [(512, 2)] * 2):
        affine(f"feature_extractor.conv_layers.{i}.conv", 512, width, kernel)
        if not conv_bias:
            del state[f"feature_extractor.conv_layers.{i}.conv.bias"]
        norm(f"feature_extractor.conv_layers.{i}.layer_norm", 512)
    norm("feature_projection.layer_norm", 512)
    affine("feature_projection.projection", dim, 512)
    state["encoder.pos_conv_embed.conv.bias"] = values(dim)
    state["encoder.pos_conv_embed.conv.weight_g"] = 1 + values(1, 1, 128)
    state["encoder.pos_conv_embed.conv.weight_v"] = values(dim, dim // 16, 128)
    norm("encoder.layer_norm", dim)
    for i in range(num_layers):
        layer = f"encoder.layers.{i}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            affine(f"{layer}.attention.{part}", dim, dim)
        norm(f"{layer}.layer_norm", dim)
        norm(f"{layer}.final_layer_norm", dim)
        affine(f"{layer}.feed_forward.intermediate_dense", feedforward_dim, dim)
        affine(f"{layer}.feed_forward.output_dense", dim, feedforward_dim)
    return state
