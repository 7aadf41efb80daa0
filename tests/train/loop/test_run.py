"""The loop around a stage that is not a network: budgets, guard, checkpoints, what is written down."""

import json
import math
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from undertone.train.loop.budget import Budget
from undertone.train.loop.checkpoints import checkpoints
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.gradients import apply_gradients
from undertone.train.loop.metrics import Sample
from undertone.train.loop.run import run_stage


class Line:
    """Fits one number; its gradient is not finite in the steps `broken`."""

    name = "line"

    def __init__(self, accelerator: Accelerator, broken: range = range(0)) -> None:
        self.accelerator, self.broken = accelerator, broken
        network = nn.Linear(1, 1)
        self.network, self.optimizer = accelerator.prepare(network, torch.optim.SGD(network.parameters(), 0.01))

    def step(self, step: int, progress: float) -> dict[str, float]:
        loss = (self.network(torch.ones(1, 1)) - 3.0).square().mean()
        self.accelerator.backward(loss * (math.nan if step in self.broken else 1.0))
        norm = apply_gradients(self.accelerator, self.network.parameters(), self.optimizer)
        return {"loss": loss.item(), "gradient_norm": norm, "frames": 100.0}

    def evaluate(self, step: int) -> dict[str, float]:
        return {"weight": float(self.network.weight.item())}

    def samples(self, step: int) -> list[Sample]:
        return [Sample("voice", torch.randn(20, 8), 0.1 * torch.randn(1600), 16_000)]

    def export_networks(self) -> dict[str, nn.Module]:
        return {"line": self.network}


def test_a_budget_in_frames_ends_when_they_are_seen_and_counts_on_after_a_restart(tmp_path: Path) -> None:
    for frames, steps in ((450, 5), (1000, 10)):
        accelerator = Accelerator(cpu=True)
        clock = run_stage(Line(accelerator), tmp_path, Budget(frames=frames), accelerator)
        assert (clock.step, clock.frames) == (steps, 100.0 * steps)


def test_one_gradient_that_is_not_finite_is_skipped_and_counted(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    stage = Line(accelerator, broken=range(4, 6))
    assert run_stage(stage, tmp_path, Budget(steps=20), accelerator).step == 20
    assert all(torch.isfinite(parameter).all() for parameter in stage.network.parameters())
    (line, *_) = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert line["skipped"] == 2 / 20


def test_gradients_that_stay_broken_stop_the_run_with_good_weights(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    run_stage(Line(accelerator), tmp_path, Budget(steps=3), accelerator)
    accelerator = Accelerator(cpu=True)
    stage = Line(accelerator, broken=range(4, 99))
    with pytest.raises(TrainingError, match=r"gradient_norm was nan in 11 steps in a row at step 14.*step-3"):
        run_stage(stage, tmp_path, Budget(steps=30), accelerator)
    assert all(torch.isfinite(parameter).all() for parameter in stage.network.parameters())
    assert checkpoints(tmp_path)[-1].name == "step-3"


def test_curves_mels_and_sounds_are_written(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    run_stage(Line(accelerator), tmp_path, Budget(steps=20), accelerator)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    tags = board.Tags()
    assert tags["images"] == ["voice/mel"]
    assert tags["audio"] == ["voice/audio"]
    assert {"loss", "dev/weight"} <= set(tags["scalars"])
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["frames"] == 100.0
