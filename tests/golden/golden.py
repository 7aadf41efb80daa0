"""Numbers of the published code: the full set beside the checkout where there is one, else the reduced copy here."""

import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load, load_file
from torch import Tensor

from undertone.engine.config import HiFiGANConfig, ModelConfig
from undertone.engine.network import VAEGSLM
from undertone.engine.network.layers.basic import length_mask
from undertone.engine.published.configs import model_config, vocoder_config
from undertone.engine.published.names import published_name

HERE = Path(__file__).parent
FULL = HERE.parents[2] / "shared" / "golden"
REDUCED = HERE / "reduced"
TOLERANCE = 5e-5  # of the largest reference value: separates right from subtly wrong


@dataclass(frozen=True)
class Golden:
    """Weights under published names, recorded tensors and cases."""

    full: bool
    weights: dict[str, Tensor]
    generator: dict[str, Tensor]  # weight norm under new names
    vectors: dict[str, Tensor]
    cases: dict[str, Any]
    model_hp: dict[str, Any]
    vocoder_hp: dict[str, Any]
    schedules: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.vectors:
            assert not self.full, name
            pytest.skip(f"{name} is only in the full golden set")
        return self.vectors[name]

    @property
    def config(self) -> ModelConfig:
        return model_config(self.model_hp, self.vocoder.mel, "golden")

    @property
    def vocoder(self) -> HiFiGANConfig:
        return vocoder_config(self.vocoder_hp, "golden")

    def model(self) -> VAEGSLM:
        """A fresh network with the golden weights, independent of the import code's checks."""
        model = VAEGSLM(self.config)
        state = model.state_dict()
        model.load_state_dict({key: self.weights[published_name(key)].reshape(state[key].shape) for key in state})
        return model.eval()

    def mask(self, case: str) -> Tensor:
        """Frames of a training case that are real."""
        return length_mask(self[f"{case}/in/lengths"], self[f"{case}/in/tokens"].shape[1])


@lru_cache
def golden() -> Golden:
    """The richest set at hand."""
    return read_full() if FULL.is_dir() else read_reduced()


def read_full() -> Golden:
    folder = FULL / "set_a"
    return Golden(
        True,
        load_file(folder / "lvtr.safetensors"),
        load_file(folder / "vocoder" / "generator.safetensors"),
        load_file(folder / "vectors.safetensors"),
        json.loads((folder / "vectors.json").read_text())["cases"],
        yaml.safe_load((folder / "hp.yaml").read_text()),
        yaml.safe_load((folder / "vocoder" / "hp.yaml").read_text()),
        json.loads((FULL / "schedules.json").read_text()),
    )


def read_reduced() -> Golden:
    def tensors(name: str) -> dict[str, Tensor]:
        return load(lzma.decompress((REDUCED / f"{name}.safetensors.xz").read_bytes()))

    return Golden(
        False,
        tensors("weights"),
        tensors("generator"),
        tensors("vectors"),
        json.loads((REDUCED / "cases.json").read_text()),
        yaml.safe_load((REDUCED / "hp.yaml").read_text()),
        yaml.safe_load((REDUCED / "vocoder_hp.yaml").read_text()),
        json.loads((REDUCED / "schedules.json").read_text()),
    )


def close(got: Tensor, reference: Tensor, what: str = "", tolerance: float = TOLERANCE) -> None:
    """Largest difference within the tolerance of the largest reference value."""
    assert got.shape == reference.shape, f"{what}: {tuple(got.shape)} against {tuple(reference.shape)}"
    got, reference = got.detach().double(), reference.double()
    scale = reference.abs().max()
    worst = (got - reference).abs().max()
    assert worst <= tolerance * scale, f"{what}: off by {worst:.2e} of {scale:.2e} ({worst / scale:.1e} relative)"


class RecordedNoise:
    """Replays recorded draws in order instead of making them."""

    def __init__(self, draws: Iterable[Tensor]) -> None:
        self.draws = list(draws)

    def normal(self, *shape: int) -> Tensor:
        draw = self.draws.pop(0)
        assert tuple(draw.shape) == shape, f"recorded {tuple(draw.shape)}, asked for {shape}"
        return draw

    uniform = normal

    def categorical(self, probabilities: Tensor) -> Tensor:
        ids = self.draws.pop(0).reshape(-1)
        assert len(ids) == len(probabilities)
        assert (probabilities[torch.arange(len(ids)), ids] > 0).all()
        return ids

    def finished(self) -> bool:
        return not self.draws
