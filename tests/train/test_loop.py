"""The loop around a stage that is not a network: budgets, guard, checkpoints, what is written down."""

import json
import math
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from tests.train.tiny_recipes import MODEL
from undertone.train.loop.budget import Budget, Clock
from undertone.train.loop.checkpoints import checkpoints
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.gradients import apply_gradients
from undertone.train.loop.metrics import Sample, over_processes
from undertone.train.loop.progress_bar import RunProgress, told
from undertone.train.loop.run import run_stage
from undertone.train.model.stage import ModelStage


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

    def averaged(self) -> dict[str, nn.Module]:
        return {"line": self.network}


def test_a_budget_in_frames_ends_when_they_are_seen_and_counts_on_after_a_restart(tmp_path: Path) -> None:
    for frames, steps in ((450, 5), (1000, 10)):
        accelerator = Accelerator(cpu=True)
        clock = run_stage(Line(accelerator), tmp_path, Budget(frames=frames), accelerator)
        assert (clock.step, clock.frames) == (steps, 100.0 * steps)


def test_a_checkpoint_of_a_version_that_counted_no_frames_is_read() -> None:
    clock = Clock()
    clock.load_state_dict({"step": 3, "seconds": 2.5})
    assert (clock.step, clock.seconds, clock.frames) == (3, 2.5, 0.0)


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


def test_a_model_shows_a_window_its_reconstruction_and_what_the_latents_carry(prepared: Path, tokens: Path) -> None:
    samples = ModelStage(MODEL, prepared, tokens, Accelerator(cpu=True)).samples(0)
    assert [sample.name for sample in samples] == ["real", "reconstruction", "latents zeroed"]
    for sample in samples:
        assert len(sample.audio) == len(sample.log_mel) * MODEL.model.mel.hop_samples
        assert torch.isfinite(sample.audio).all()


def test_the_bar_says_steps_frames_a_second_and_the_loss() -> None:
    words = told(Clock(1240, 60.0, 5e5), Budget(steps=20_000), 9310.4, {"loss": 0.51342, "kl": 1.0})
    assert words == "step 1,240 of 20,000, 9,310 frames/s, loss 0.5134"
    assert told(Clock(7), Budget(minutes=3), 12.0, {}) == "step 7, 12 frames/s"


def test_the_bar_of_a_resumed_run_begins_where_the_run_stands(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress("model", Budget(steps=8), Clock(step=4)) as bar:
        bar.advance(Clock(step=6))
    shown = capsys.readouterr().err
    assert "50%" in shown
    assert "to go" in shown


class FourProcesses:
    """An accelerator whose processes all sent the same but for their clocks and signals."""

    num_processes, is_main_process, device = 4, True, torch.device("cpu")

    def gather(self, own: torch.Tensor) -> torch.Tensor:
        self.sent = own.clone()
        rows = own.repeat(4, 1)
        rows[1:, 1] = 0.0
        rows[2, 2] = 15.0
        return rows


def test_values_are_sent_in_the_order_of_their_names_with_the_clock_and_a_signal_at_once() -> None:
    forwards, backwards = FourProcesses(), FourProcesses()
    agreed = over_processes(forwards, {"loss": 2.0, "frames": 10.0}, 7.5, 0)  # type: ignore[arg-type]
    over_processes(backwards, {"frames": 10.0, "loss": 2.0}, 7.5, 0)  # type: ignore[arg-type]
    assert torch.equal(forwards.sent, backwards.sent)
    assert (agreed.values, agreed.seconds, agreed.stop) == ({"frames": 40.0, "loss": 2.0}, 7.5, 15)
