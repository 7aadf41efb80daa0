"""Stops a run that diverges, while its last checkpoint is still good."""

import math
from pathlib import Path

from engine.errors import UndertoneError


class TrainingError(UndertoneError):
    """Training that cannot go on: divergence, or a checkpoint that does not fit."""


class DivergenceGuard:
    """Stops a run whose loss is not finite, or far above its own running mean for many steps."""

    def __init__(self, factor: float = 10.0, patience: int = 50) -> None:
        self.factor, self.patience = factor, patience
        self._mean: float | None = None
        self._bad = 0

    def check(self, step: int, metrics: dict[str, float], last_good: Path | None) -> None:
        where = f"the last good checkpoint is {last_good}" if last_good else "there is no checkpoint yet"
        for key, value in metrics.items():
            if not math.isfinite(value):
                raise TrainingError(f"{key} is {value} at step {step}; {where}. Lower the learning rate and resume.")
        loss = abs(metrics["loss"])
        self._bad = self._bad + 1 if self._mean is not None and loss > self.factor * self._mean + 1.0 else 0
        self._mean = (
            loss if self._mean is None else 0.98 * self._mean + 0.02 * min(loss, self.factor * self._mean + 1.0)
        )
        if self._bad >= self.patience:
            raise TrainingError(
                f"loss {loss:.4g} stayed above {self.factor:g} times its running mean for {self.patience} steps "
                f"at step {step}; {where}. Lower the learning rate and resume."
            )
