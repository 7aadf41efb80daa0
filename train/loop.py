"""One training loop for every stage: budgets, atomic checkpoints, exact resume, metrics, a guard against divergence.

A stage owns its networks, optimisers and data. Everything random about step n follows from (seed, n): the loop seeds
torch before each step and a stage's batches are a pure function of the step, so a resumed run repeats an
uninterrupted one and the only position to save is one integer.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn
from tqdm import tqdm

from train.checkpointing import checkpoints, save_checkpoint
from train.clock import Budget, Clock
from train.guard import DivergenceGuard, TrainingError
from train.metrics import Metrics, Sample, over_processes

__all__ = ["Budget", "Clock", "DivergenceGuard", "Stage", "TrainingError", "checkpoints", "run", "save_checkpoint"]

log = logging.getLogger(__name__)


class Stage(Protocol):
    """What the loop trains. Networks and optimisers were passed through `accelerator.prepare` by the stage."""

    name: str

    def step(self, step: int, progress: float) -> dict[str, float]:
        """One optimiser step on the batch of that number; progress in [0, 1] drives the schedules.

        Returns:
            `loss`, `gradient_norm` and whatever else is worth a curve; `frames`, those seen, for a budget in frames.
        """
        ...

    def evaluate(self, step: int) -> dict[str, float]:
        """Measures on held-out data; may be empty."""
        ...

    def samples(self, step: int) -> list[Sample]:
        """Mels and sounds of held-out data for TensorBoard; may be empty."""
        ...

    def averaged(self) -> dict[str, nn.Module]:
        """Networks whose weights are exported, by name."""
        ...


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
        budget: steps, minutes or frames.
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
        for progress in _progress(budget, clock):
            started = time.perf_counter()
            torch.manual_seed(step_seed(seed, clock.step, accelerator.process_index))
            values = over_processes(accelerator, stage.step(clock.step, progress))
            values = guard.check(clock.step, values, last_good)
            clock.step += 1
            clock.frames += values.get("frames", 0.0)
            clock.seconds = _agreed(clock.seconds + time.perf_counter() - started, accelerator)
            used = budget.progress(clock.step, clock.seconds, clock.frames)
            bar.update(max(0.0, min(100.0, 100 * used) - bar.n))
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


def _progress(budget: Budget, clock: Clock) -> Iterator[float]:
    """The share of the budget used before each step."""
    while (progress := budget.progress(clock.step, clock.seconds, clock.frames)) < 1.0:
        yield progress


def _agreed(seconds: float, accelerator: Accelerator) -> float:
    """The main process' clock is every process' clock, so that all stop, save and measure at the same step."""
    return float(broadcast_object_list([seconds])[0]) if accelerator.num_processes > 1 else seconds


def _evaluate(stage: Stage, clock: Clock, metrics: Metrics | None) -> None:
    values = {f"dev/{key}": value for key, value in stage.evaluate(clock.step).items()}
    if metrics and values:
        metrics.write(clock, values)
        metrics.show(clock, stage.samples(clock.step))
        log.info("%s step %d: %s", stage.name, clock.step, values)
