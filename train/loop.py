"""One training loop for every stage: budgets, atomic checkpoints, exact resume, metrics, a guard against divergence.

A stage owns its networks, optimisers and data. Everything random about step n follows from (seed, n): the loop seeds
torch before each step and a stage's batches are a pure function of the step, so a resumed run repeats an
uninterrupted one and the only position to save is one integer.
"""

import json
import logging
import math
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from engine.errors import UndertoneError

log = logging.getLogger(__name__)

CHECKPOINTS_KEPT = 2


class TrainingError(UndertoneError):
    """Training that cannot go on: divergence, or a checkpoint that does not fit."""


class Stage(Protocol):
    """What the loop trains. Networks and optimisers were passed through `accelerator.prepare` by the stage."""

    name: str

    def step(self, step: int, progress: float) -> dict[str, float]:
        """One optimiser step on the batch of that number; progress in [0, 1] drives the schedules."""
        ...

    def evaluate(self, step: int) -> dict[str, float]:
        """Measures on held-out data; may be empty."""
        ...

    def averaged(self) -> dict[str, nn.Module]:
        """Networks whose weights are exported, by name."""
        ...


@dataclass(frozen=True)
class Budget:
    """When to stop: after so many optimiser steps, or so many minutes of training (resumed time counts)."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise TrainingError(
                f"a budget needs either steps or minutes, got steps={self.steps} minutes={self.minutes}"
            )

    def progress(self, step: int, seconds: float) -> float:
        """Share of the budget used, at least 1 when it is spent."""
        return step / self.steps if self.steps is not None else seconds / (60 * (self.minutes or 1e-9))


@dataclass
class Clock:
    """Training time, checkpointed so that minutes survive a restart."""

    step: int = 0
    seconds: float = 0.0

    def state_dict(self) -> dict[str, float]:
        return {"step": self.step, "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.step, self.seconds = int(state["step"]), float(state["seconds"])


def checkpoints(out: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    return sorted((out / "checkpoints").glob("step-*"), key=lambda folder: int(folder.name.split("-")[1]))


def save_checkpoint(accelerator: Accelerator, out: Path, clock: Clock) -> Path:
    """Write a checkpoint beside the others and rename it into place, so that a crash leaves only whole ones."""
    folder = out / "checkpoints" / f"step-{clock.step}"
    partial = out / "checkpoints" / f".partial-{clock.step}"
    if accelerator.is_main_process and partial.exists():
        shutil.rmtree(partial)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(partial), safe_serialization=True)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        for old in checkpoints(out)[:-CHECKPOINTS_KEPT]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return folder


class Metrics:
    """Averages between two log lines, written to metrics.jsonl and TensorBoard."""

    def __init__(self, out: Path, stack: ExitStack) -> None:
        self._lines = stack.enter_context((out / "metrics.jsonl").open("a", buffering=1))
        self._board = stack.enter_context(SummaryWriter(str(out / "tensorboard")))
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, values: dict[str, float]) -> None:
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._count += 1

    def flush(self, clock: Clock) -> dict[str, float]:
        means = {key: value / max(self._count, 1) for key, value in self._sums.items()}
        self._sums, self._count = {}, 0
        self.write(clock, means)
        return means

    def write(self, clock: Clock, values: dict[str, float]) -> None:
        self._lines.write(json.dumps({"step": clock.step, "seconds": round(clock.seconds, 1), **values}) + "\n")
        for key, value in values.items():
            self._board.add_scalar(key, value, clock.step)


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


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of everything random in one step of one process."""
    return (seed * 1_000_003 + step * 1009 + rank) % 2**63


def run(
    stage: Stage,
    out: Path,
    budget: Budget,
    accelerator: Accelerator,
    *,
    seed: int = 0,
    log_every: int = 20,
    checkpoint_minutes: float = 3.0,
    evaluate_minutes: float = 10.0,
) -> Clock:
    """Train a stage until its budget is spent; resumes from the newest checkpoint under `out`.

    Args:
        stage: networks, optimisers and data; its step returns at least `loss`.
        out: folder of the run: checkpoints/, metrics.jsonl, tensorboard/.
        budget: steps or minutes.
    Returns:
        The clock at the end: steps done and seconds of training.
    Raises:
        TrainingError: divergence; the text names the last good checkpoint.
    """
    out.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    accelerator.register_for_checkpointing(clock)
    existing = checkpoints(out)
    if existing:
        accelerator.load_state(str(existing[-1]))
        log.info("%s resumes at step %d from %s", stage.name, clock.step, existing[-1])
    last_good = existing[-1] if existing else None
    guard = DivergenceGuard()
    with ExitStack() as stack:
        metrics = Metrics(out, stack) if accelerator.is_main_process else None
        bar = stack.enter_context(
            tqdm(total=100.0, desc=stage.name, disable=not accelerator.is_main_process, unit="%", mininterval=5.0)
        )
        saved_at = evaluated_at = clock.seconds
        for progress in _progress(budget, clock, accelerator):
            started = time.perf_counter()
            torch.manual_seed(step_seed(seed, clock.step, accelerator.process_index))
            values = stage.step(clock.step, progress)
            guard.check(clock.step, values, last_good)
            clock.step += 1
            clock.seconds += time.perf_counter() - started
            bar.update(max(0.0, min(100.0, 100 * budget.progress(clock.step, clock.seconds)) - bar.n))
            if metrics:
                metrics.add(values)
                if clock.step % log_every == 0:
                    bar.set_postfix({key: f"{value:.3f}" for key, value in metrics.flush(clock).items()}, refresh=False)
            if clock.seconds - saved_at > 60 * checkpoint_minutes:
                last_good, saved_at = save_checkpoint(accelerator, out, clock), clock.seconds
            if clock.seconds - evaluated_at > 60 * evaluate_minutes:
                evaluated_at = clock.seconds
                _evaluate(stage, clock, metrics)
        save_checkpoint(accelerator, out, clock)
        _evaluate(stage, clock, metrics)
    return clock


def _progress(budget: Budget, clock: Clock, accelerator: Accelerator) -> Iterator[float]:
    """The share used before each step, the same on every process: the main one's clock decides."""
    while True:
        progress = budget.progress(clock.step, clock.seconds)
        if accelerator.num_processes > 1:
            progress = broadcast_object_list([progress])[0]
        if progress >= 1.0:
            return
        yield progress


def _evaluate(stage: Stage, clock: Clock, metrics: Metrics | None) -> None:
    values = {f"dev/{key}": value for key, value in stage.evaluate(clock.step).items()}
    if metrics and values:
        metrics.write(clock, values)
        log.info("%s step %d: %s", stage.name, clock.step, values)
