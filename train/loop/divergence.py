"""Detection of divergence, while the last checkpoint is still good."""

import math
from pathlib import Path

from undertone.engine import UndertoneError


class TrainingError(UndertoneError):
    """Training that cannot go on: divergence, or a checkpoint that does not fit."""


class DivergenceGuard:
    """Guard against a loss that is not finite, or far above its own running mean for many steps.

    A gradient that is not finite is another matter: its step was not taken (gradients.py) and the weights are
    good, as happens now and then in the first steps of an untrained flow; only many of them in a row end the run.
    """

    def __init__(self, factor: float = 10.0, patience: int = 50, skips: int = 10) -> None:
        self.factor, self.patience, self.skips = factor, patience, skips
        self._mean: float | None = None
        self._bad = self._skipped = 0

    def check(self, step: int, metrics: dict[str, float], last_good: Path | None) -> dict[str, float]:
        """Check the metrics of a step.

        Returns:
            the metrics to write down, all finite; `skipped` is 1 where the step was not taken.
        Raises:
            TrainingError: naming what is wrong and the last good checkpoint.
        """
        where = f"the last good checkpoint is {last_good}" if last_good else "there is no checkpoint yet"
        taken = math.isfinite(metrics.get("gradient_norm", 0.0))
        self._skipped = 0 if taken else self._skipped + 1
        if self._skipped > self.skips:
            raise TrainingError(
                f"gradient_norm was {metrics['gradient_norm']} in {self._skipped} steps in a row at step {step}; "
                f"{where}. Lower the learning rate and resume."
            )
        written = metrics if taken else metrics | {"gradient_norm": 0.0, "skipped": 1.0}
        for key, value in written.items():
            if not math.isfinite(value):
                raise TrainingError(f"{key} is {value} at step {step}; {where}. Lower the learning rate and resume.")
        self._compare(step, abs(metrics["loss"]), where)
        return written

    def _compare(self, step: int, loss: float, where: str) -> None:
        """Compare a loss with the running mean of those before it."""
        self._bad = self._bad + 1 if self._mean is not None and loss > self.factor * self._mean + 1.0 else 0
        self._mean = (
            loss if self._mean is None else 0.98 * self._mean + 0.02 * min(loss, self.factor * self._mean + 1.0)
        )
        if self._bad >= self.patience:
            raise TrainingError(
                f"loss {loss:.4g} stayed above {self.factor:g} times its running mean for {self.patience} steps "
                f"at step {step}; {where}. Lower the learning rate and resume."
            )
