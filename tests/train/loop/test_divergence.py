"""Runs that diverge."""

from pathlib import Path

import pytest

from undertone.train.loop.divergence import DivergenceGuard, TrainingError


def test_a_run_that_diverges_stops_and_names_the_last_good_checkpoint() -> None:
    guard = DivergenceGuard()
    with pytest.raises(TrainingError, match=r"loss is nan at step 3.*step-2"):
        guard.check(3, {"loss": float("nan")}, Path("run/checkpoints/step-2"))
    guard = DivergenceGuard(factor=3, patience=2)
    with pytest.raises(TrainingError, match="stayed above"):
        feed(guard, [1.0] * 50 + [100.0] * 5)


def feed(guard: DivergenceGuard, losses: list[float]) -> None:
    for step, loss in enumerate(losses):
        guard.check(step, {"loss": loss}, None)
