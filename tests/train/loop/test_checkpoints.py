"""Resuming: damaged checkpoints, other settings, signals, a full disk."""

import logging
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from tests.train.loop.test_run import Line
from undertone.train.loop.budget import Budget
from undertone.train.loop.checkpoints import checkpoints, save_checkpoint
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.run import run_stage
from undertone.train.loop.settings import RunSettings
from undertone.train.loop.stopping import Stopped


def trained(out: Path, steps: int) -> Line:
    accelerator = Accelerator(cpu=True)
    torch.manual_seed(0)
    stage = Line(accelerator)
    run_stage(stage, out, Budget(steps=steps), accelerator)
    return stage


def damage(folder: Path) -> None:
    """Change one byte in the middle of the weights; their size and their header stay as they are."""
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_with_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(tmp_path, 3)
    trained(tmp_path, 6)
    damage(checkpoints(tmp_path)[-1])
    with caplog.at_level(logging.WARNING):
        stage = trained(tmp_path, 8)
    assert "step-6 cannot be used" in caplog.text
    assert "model.safetensors" in caplog.text
    assert "goes on from step-3" in caplog.text
    whole = trained(tmp_path / "whole", 8)
    assert torch.equal(stage.network.weight, whole.network.weight)
    assert [folder.name for folder in checkpoints(tmp_path)] == ["step-3", "step-8"]


def test_a_run_whose_checkpoints_are_all_damaged_says_what_is_wrong_with_each(tmp_path: Path) -> None:
    trained(tmp_path, 3)
    trained(tmp_path, 6)
    for folder in checkpoints(tmp_path):
        damage(folder)
    with pytest.raises(TrainingError, match=r"step-6: it is damaged.*step-3: it is damaged.*another --out"):
        trained(tmp_path, 8)


def test_a_checkpoint_of_other_sizes_is_an_error_in_words(tmp_path: Path) -> None:
    trained(tmp_path, 3)
    accelerator = Accelerator(cpu=True)
    stage = Line(accelerator)
    wide = nn.Linear(1, 2)
    stage.network, stage.optimizer = accelerator.prepare(wide, torch.optim.SGD(wide.parameters(), 0.01))
    with pytest.raises(TrainingError, match=r"step-3: .*another --out"):
        run_stage(stage, tmp_path, Budget(steps=6), accelerator)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_and_the_run_goes_on_from_it(tmp_path: Path, kind: signal.Signals) -> None:
    class Signalled(Line):
        def step(self, step: int, progress: float) -> dict[str, float]:
            if step == 4:
                os.kill(os.getpid(), kind)
            return super().step(step, progress)

    accelerator = Accelerator(cpu=True)
    before = signal.getsignal(kind)
    torch.manual_seed(0)
    with pytest.raises(Stopped) as stopped:
        run_stage(Signalled(accelerator), tmp_path, Budget(steps=9), accelerator)
    assert stopped.value.code == 128 + kind
    assert signal.getsignal(kind) == before
    assert [folder.name for folder in checkpoints(tmp_path)] == ["step-5"]
    whole = trained(tmp_path / "whole", 9)
    assert torch.equal(trained(tmp_path, 9).network.weight, whole.network.weight)


def test_checkpoints_are_as_often_and_as_many_as_the_settings_say(tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    settings = RunSettings(checkpoint_minutes=1e-9, checkpoints_kept=4)
    run_stage(Line(accelerator), tmp_path, Budget(steps=9), accelerator, settings=settings)
    assert [folder.name for folder in checkpoints(tmp_path)] == [f"step-{step}" for step in range(6, 10)]


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """A disk that is full: no file of this process may grow beyond so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    trained(tmp_path, 3)
    accelerator = Accelerator(cpu=True)
    stage = Line(accelerator)
    clock = run_stage(stage, tmp_path, Budget(steps=3), accelerator)
    clock.step = 4
    with files_of_at_most(100), pytest.raises(TrainingError, match=r"step 4 could not be written.*step-3"):
        save_checkpoint(accelerator, tmp_path, clock)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-3"]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / ".partial-2").mkdir(parents=True)
    trained(tmp_path, 3)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-3"]
