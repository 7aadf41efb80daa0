"""One training loop for every stage: budgets, atomic checkpoints, exact resume, metrics, a guard against divergence.

A stage owns its networks, optimisers and data. Everything random about step n follows from (seed, n): the loop seeds
torch before each step and a stage's batches are a pure function of the step, so a resumed run repeats an
uninterrupted one and the only position to save is one integer.
"""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn, Protocol

import torch
from accelerate import Accelerator
from torch import nn

from undertone.train.loop.budget import Budget, Clock
from undertone.train.loop.checkpoints import load_newest, save_checkpoint
from undertone.train.loop.divergence import DivergenceGuard
from undertone.train.loop.early_stopping import count_measurement, is_stalled
from undertone.train.loop.metrics import Metrics, Sample, reduce_metrics
from undertone.train.loop.progress_bar import RunProgress
from undertone.train.loop.settings import RunSettings
from undertone.train.loop.stopping import Stopped, StopSignals
from undertone.train.loop.trackers import RunTracker

log = logging.getLogger(__name__)


class Stage(Protocol):
    """A trained stage. Its networks and optimisers were passed through `accelerator.prepare`."""

    name: str

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step on the batch of that number; progress in [0, 1] drives the schedules.

        Returns:
            `loss`, `gradient_norm` and whatever else is worth a curve; `frames`, those seen, for a budget in frames.
        """
        ...

    def evaluate(self, step: int) -> dict[str, float]:
        """Return what is measured on held-out data; may be empty."""
        ...

    def samples(self, step: int) -> list[Sample]:
        """Return mels and sounds of held-out data for TensorBoard; may be empty."""
        ...

    def export_networks(self) -> dict[str, nn.Module]:
        """Return the networks whose weights are exported, by name."""
        ...


def step_seed(seed: int, step: int, rank: int) -> int:
    """Return the seed of everything random in one step of one process."""
    return (seed * 1_000_003 + step * 1009 + rank) % 2**63


def run_stage(
    stage: Stage,
    out: Path,
    budget: Budget,
    accelerator: Accelerator,
    *,
    seed: int = 0,
    settings: RunSettings = RunSettings(),
) -> Clock:
    """Train a stage until its budget is spent or its dev split improves no more.

    A run resumes from the newest checkpoint under `out` that can be read.

    Args:
        stage: networks, optimisers and data; its step returns at least `loss`.
        out: folder of the run: checkpoints/, metrics.jsonl, tensorboard/.
        budget: steps, minutes or frames.
        settings: how often checkpoints are written and the dev split is measured.
    Returns:
        The clock at the end: steps done and seconds of training.
    Raises:
        TrainingError: divergence, or a checkpoint that cannot be read or written; the text names the last good one.
        Stopped: SIGINT or SIGTERM, after a checkpoint was written.
    """
    out.mkdir(parents=True, exist_ok=True)
    clock = Clock()
    accelerator.register_for_checkpointing(clock)
    last_good = load_newest(accelerator, out)
    if last_good is not None:
        log.info("%s resumes at step %d from %s", stage.name, clock.step, last_good)
    guard = DivergenceGuard()
    with ExitStack() as stack:
        stop = stack.enter_context(StopSignals())
        metrics = _open_metrics(stage.name, out, settings, stack) if accelerator.is_main_process else None
        bar = stack.enter_context(RunProgress(stage.name, budget, clock, accelerator.is_main_process))
        saved_at = evaluated_at = clock.seconds
        for progress in _progress(budget, clock, settings):
            started = time.perf_counter()
            torch.manual_seed(step_seed(seed, clock.step, accelerator.process_index))
            values = stage.step(clock.step, progress)
            seconds = clock.seconds + time.perf_counter() - started
            agreed = reduce_metrics(accelerator, values, seconds, stop.received)
            values = guard.check(clock.step, agreed.values, last_good)
            clock.step += 1
            clock.frames += values.get("frames", 0.0)
            clock.seconds = agreed.seconds
            bar.advance(clock)
            if metrics:
                metrics.add(values)
                if clock.step % settings.log_steps == 0:
                    bar.show(clock, metrics.flush(clock))
            if agreed.stop:
                _stop(accelerator, out, clock, settings, stage.name, agreed.stop)
            if clock.seconds - saved_at > 60 * settings.checkpoint_minutes:
                last_good, saved_at = save_checkpoint(accelerator, out, clock, settings.checkpoints_kept), clock.seconds
            if clock.seconds - evaluated_at > 60 * settings.evaluate_minutes:
                evaluated_at = clock.seconds
                count_measurement(clock, _evaluate(stage, clock, metrics), settings, accelerator)
        save_checkpoint(accelerator, out, clock, settings.checkpoints_kept)
        _evaluate(stage, clock, metrics)
    return clock


def _open_metrics(name: str, out: Path, settings: RunSettings, stack: ExitStack) -> Metrics:
    asked = settings.log_with
    tracker = RunTracker(asked, out, name, settings.model_dump(mode="json"), stack) if asked else None
    return Metrics(out, stack, tracker)


def _progress(budget: Budget, clock: Clock, settings: RunSettings) -> Iterator[float]:
    """Yield the share of the budget used before each step."""
    while (progress := budget.progress(clock.step, clock.seconds, clock.frames)) < 1.0:
        if is_stalled(clock, settings):
            log.info(
                "step %d: no lower %s than %s since %d measurements; the run ends before its budget",
                clock.step,
                settings.stop_metric,
                clock.best,
                clock.unimproved,
            )
            return
        yield progress


def _stop(accelerator: Accelerator, out: Path, clock: Clock, settings: RunSettings, name: str, number: int) -> NoReturn:
    """Write a checkpoint and end as a process does that got this signal."""
    folder = save_checkpoint(accelerator, out, clock, settings.checkpoints_kept)
    what = signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"
    log.warning("%s stops at step %d (%s); the same command goes on from %s", name, clock.step, what, folder)
    raise Stopped(number)


def _evaluate(stage: Stage, clock: Clock, metrics: Metrics | None) -> dict[str, float]:
    measured = stage.evaluate(clock.step)
    values = {f"dev/{key}": value for key, value in measured.items()}
    if metrics and values:
        metrics.write(clock, values)
        metrics.show(clock, stage.samples(clock.step))
        log.info("%s step %d: %s", stage.name, clock.step, values)
    return measured
