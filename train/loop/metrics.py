"""Metrics of a run: metrics.jsonl, TensorBoard with curves, mels and sounds, and a tracker where one is asked for."""

import json
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from undertone.train.loop.budget import Clock
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.trackers import RunTracker

SUMMED_METRIC = "frames"  # over processes; everything else is their mean


@dataclass(frozen=True)
class Sample:
    """A mel and its sound on the dev split."""

    name: str
    log_mel: Tensor  # natural log, [T, M]
    audio: Tensor  # [samples]
    sample_rate_hz: int


class Metrics:
    """Writer of averages between two log lines to metrics.jsonl, TensorBoard and a tracker."""

    def __init__(self, out: Path, stack: ExitStack, tracker: RunTracker | None = None) -> None:
        self._tracker = tracker
        self._lines = stack.enter_context((out / "metrics.jsonl").open("a", buffering=1))
        self._board = stack.enter_context(SummaryWriter(str(out / "tensorboard")))
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, values: dict[str, float]) -> None:
        """Add the metrics of a step to the averages."""
        for key, value in values.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        self._count += 1

    def flush(self, clock: Clock) -> dict[str, float]:
        """Write the averages since the last call, and return them."""
        means = {key: value / max(self._count, 1) for key, value in self._sums.items()}
        self._sums, self._count = {}, 0
        self.write(clock, means)
        return means

    def write(self, clock: Clock, values: dict[str, float]) -> None:
        """Write values to both files and the tracker."""
        self._lines.write(json.dumps({"step": clock.step, "seconds": round(clock.seconds, 1), **values}) + "\n")
        for key, value in values.items():
            self._board.add_scalar(key, value, clock.step)
        if self._tracker:
            self._tracker.log(values, clock.step)

    def show(self, clock: Clock, samples: list[Sample]) -> None:
        """Write mels as pictures, low frequencies at the bottom, and sounds to TensorBoard."""
        for sample in samples:
            mel = sample.log_mel.float().cpu().T.flip(0)
            grey = (mel - mel.min()) / (mel.max() - mel.min()).clamp_min(1e-6)
            self._board.add_image(f"{sample.name}/mel", grey[None], clock.step)
            audio = sample.audio.float().cpu().clamp(-1, 1)
            self._board.add_audio(f"{sample.name}/audio", audio[None], clock.step, sample.sample_rate_hz)


@dataclass(frozen=True)
class StepReduction:
    """The result of a step, the same in all processes."""

    values: dict[str, float]
    seconds: float  # the main process' clock, so that all stop, save and measure at the same step
    stop: int  # number of a signal that any of them got, 0 for none


def reduce_metrics(
    accelerator: Accelerator, values: dict[str, float], seconds: float = 0.0, stop: int = 0
) -> StepReduction:
    """Return the mean of every value over all processes, the sum of the frames: one wait for all of them.

    Values are reduced by position, so their order is that of their names.

    Raises:
        TrainingError: processes that measured different things.
    """
    if accelerator.num_processes == 1:
        return StepReduction(values, seconds, stop)
    keys = sorted(values)
    names = float(zlib.crc32(" ".join(keys).encode()) % 2**20)
    own = [names, seconds * accelerator.is_main_process, float(stop), *(values[key] for key in keys)]
    found = accelerator.gather(torch.tensor([own], dtype=torch.float64, device=accelerator.device)).cpu()
    if (found[:, 0] != names).any():
        raise TrainingError(f"the processes of this run measure different things; this one {', '.join(keys)}")
    reduced = dict(zip(keys, found[:, 3:].mean(0).tolist(), strict=True))
    if SUMMED_METRIC in reduced:
        reduced[SUMMED_METRIC] *= accelerator.num_processes
    return StepReduction(reduced, float(found[:, 1].sum()), int(found[:, 2].max()))
