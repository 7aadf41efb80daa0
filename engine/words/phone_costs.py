"""Costs in nats of what a tokenizer hears for what was said. P phones, silence first."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertone.engine.tokenizers import PARTS_OF_PHONE

# Shares of a phone error rate, and how fast confusions fall off with distance: fitted to the embedded tokenizer on
# LibriSpeech dev-clean, where they matter little.
SUBSTITUTED, MISSED, INSERTED = 0.6, 0.2, 0.2
DISTANCE_SCALE = 0.15  # of the mean distance between two phones


@dataclass(frozen=True, eq=False)
class PhoneCosts:
    """Costs of a phone heard as itself or another, not heard, or heard where none was said.

    Attributes:
        heard: [P, P], said in rows, heard in columns.
        missed: of a phone that was said and not heard.
        inserted: of a phone that was heard and not said.
    """

    heard: NDArray[np.float32]
    missed: float
    inserted: float

    @classmethod
    def of(cls, centroids: Tensor, error_rate: float) -> "PhoneCosts":
        """Return the costs of a tokenizer's confusions: phones whose centroids are near are confused more.

        Args:
            centroids: [3 P, F] of the parts of phones.
            error_rate: of phones, 0 to 1.
        """
        parts = centroids.float().reshape(-1, PARTS_OF_PHONE, centroids.shape[1])
        distances = torch.stack([torch.cdist(part, part) for part in parts.unbind(1)]).mean(0).double().numpy()
        distances /= distances[~np.eye(len(distances), dtype=bool)].mean()
        likeness = np.exp(-distances / DISTANCE_SCALE)
        np.fill_diagonal(likeness, 0.0)
        likeness = np.maximum(likeness / likeness.sum(1, keepdims=True), 1e-4)
        costs = -np.log(SUBSTITUTED * error_rate * likeness)
        np.fill_diagonal(costs, -np.log(1 - error_rate))
        return cls(costs.astype(np.float32), -float(np.log(MISSED * error_rate)), -float(np.log(INSERTED * error_rate)))
