"""Random draws of the model: all go through one object, so that a take depends on its own seed and nothing else."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class NormalNoise(Protocol):
    """Source of Gaussian draws, all that a decoder needs; the first entry of every shape is the batch."""

    def normal(self, *shape: int) -> Tensor:
        """Draw N(0, 1), float32."""
        ...


class Noise(NormalNoise, Protocol):
    """Source of every random draw of the model."""

    def uniform(self, *shape: int) -> Tensor:
        """Draw U[0, 1), float32."""
        ...

    def categorical(self, probabilities: Tensor) -> Tensor:
        """Draw one id per row of [B, V] probabilities: int64 [B]."""
        ...


def inverse_cdf(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Return the ids [B] whose cumulative interval of [B, V] `probabilities` holds the [B] `uniform` draw.

    The draw is scaled by the row's sum, so rows need not be normalised; an id of probability zero is never returned.
    """
    cumulative = probabilities.double().cumsum(dim=-1)
    target = uniform.double().unsqueeze(-1) * cumulative[:, -1:]
    ids = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    return ids.clamp_max(probabilities.shape[-1] - 1)


class SeededNoise:
    """Noise from one generator per batch row: row i of a batch gets the draws that its seed gets alone.

    Draws are made on the CPU and moved, so that a seed means the same numbers on every device.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.generators = [torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds]

    def normal(self, *shape: int) -> Tensor:
        """Draw N(0, 1) for shape (len(seeds), ...)."""
        self._check(shape[0])
        return torch.stack([torch.randn(shape[1:], generator=g) for g in self.generators]).to(self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Draw U[0, 1) for shape (len(seeds), ...)."""
        self._check(shape[0])
        return torch.stack([torch.rand(shape[1:], generator=g) for g in self.generators]).to(self.device)

    def categorical(self, probabilities: Tensor) -> Tensor:
        """Draw one id per row; the row's generator gives one uniform number, the device never waits for the CPU."""
        return inverse_cdf(probabilities, self.uniform(probabilities.shape[0]))

    def _check(self, batch: int) -> None:
        if batch != len(self.generators):
            raise ValueError(f"a batch of {batch} needs as many seeds, this noise has {len(self.generators)}")


class BatchNoise:
    """Noise from one generator for the whole batch, on the device: what training uses.

    Args:
        device: where the draws are made.
        generator: of that device; None draws from the device's global generator, which checkpoints save.
    """

    def __init__(self, device: torch.device | str = "cpu", generator: torch.Generator | None = None) -> None:
        self.device = torch.device(device)
        self.generator = generator

    def normal(self, *shape: int) -> Tensor:
        """Draw N(0, 1)."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Draw U[0, 1)."""
        return torch.rand(shape, generator=self.generator, device=self.device)

    def categorical(self, probabilities: Tensor) -> Tensor:
        """Draw one id per row of [B, V] probabilities."""
        return inverse_cdf(probabilities, self.uniform(probabilities.shape[0]))
