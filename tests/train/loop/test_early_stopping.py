"""Early stopping: where the dev split improves no more, and only there, also over a restart."""

from pathlib import Path

import pytest
from accelerate import Accelerator
from torch import nn

from undertone.train.loop.budget import Budget, Clock
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.metrics import Sample
from undertone.train.loop.run import run_stage
from undertone.train.loop.settings import RunSettings

OFTEN = 1e-9  # minutes: the dev split is measured behind every step


class Measured:
    """A stage whose dev value at each step is given."""

    name = "measured"

    def __init__(self, accelerator: Accelerator, values: list[float]) -> None:
        self.network, self.values = accelerator.prepare(nn.Linear(1, 1)), values

    def step(self, step: int, progress: float) -> dict[str, float]:
        return {"loss": 1.0, "gradient_norm": 0.0}

    def evaluate(self, step: int) -> dict[str, float]:
        return {"error": self.values[min(step, len(self.values)) - 1]}

    def samples(self, step: int) -> list[Sample]:
        return []

    def export_networks(self) -> dict[str, nn.Module]:
        return {"measured": self.network}


def train(out: Path, values: list[float], steps: int, **settings: object) -> Clock:
    accelerator = Accelerator(cpu=True)
    wanted = RunSettings.model_validate({"evaluate_minutes": OFTEN, "stop_metric": "error"} | settings)
    return run_stage(Measured(accelerator, values), out, Budget(steps=steps), accelerator, settings=wanted)


@pytest.mark.parametrize(
    ("values", "ends_at"),
    [
        ([5.0, 4.0, 4.5, 4.0, 3.0], 4),  # an equal value is no better
        ([5.0, 4.0, 4.5, 3.0, 2.0, 1.0, 0.5, 0.4], 8),
        ([5.0, float("nan"), float("nan"), 1.0], 3),
    ],
)
def test_a_run_ends_after_so_many_measurements_without_a_lower_value(
    tmp_path: Path, values: list[float], ends_at: int
) -> None:
    assert train(tmp_path, values, 8, stop_patience=2).step == ends_at
    assert train(tmp_path, values, 8, stop_patience=2).step == ends_at  # the same command again does nothing


def test_without_patience_a_run_goes_to_its_budget(tmp_path: Path) -> None:
    assert train(tmp_path, [1.0, 2.0], 6).step == 6


def test_measurements_before_a_restart_count(tmp_path: Path) -> None:
    values = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert train(tmp_path, values, 2, stop_patience=3).step == 2
    assert train(tmp_path, values, 6, stop_patience=3).step == 4


def test_a_metric_that_is_not_measured_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"stop_metric is 'loss'.*choose one of error"):
        train(tmp_path, [1.0], 3, stop_patience=1, stop_metric="loss")


def test_a_clock_of_an_earlier_version_is_read() -> None:
    clock = Clock()
    clock.load_state_dict({"step": 3, "seconds": 1.5})
    assert (clock.step, clock.seconds, clock.best, clock.unimproved) == (3, 1.5, None, 0)
