"""What a run writes down: metrics.jsonl, and TensorBoard with curves, mels and sounds."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from train.clock import Clock

SUMMED = "frames"  # over processes; everything else is their mean


@dataclass(frozen=True)
class Sample:
    """Something to look at and to listen to on the dev split."""

    name: str
    log_mel: Tensor  # natural log, [T, M]
    audio: Tensor  # [samples]
    sample_rate_hz: int


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

    def show(self, clock: Clock, samples: list[Sample]) -> None:
        """Mels as pictures, low frequencies at the bottom, and sounds."""
        for sample in samples:
            mel = sample.log_mel.float().cpu().T.flip(0)
            grey = (mel - mel.min()) / (mel.max() - mel.min()).clamp_min(1e-6)
            self._board.add_image(f"{sample.name}/mel", grey[None], clock.step)
            audio = sample.audio.float().cpu().clamp(-1, 1)
            self._board.add_audio(f"{sample.name}/audio", audio[None], clock.step, sample.sample_rate_hz)


def over_processes(accelerator: Accelerator, values: dict[str, float]) -> dict[str, float]:
    """The mean of every value over all processes, the sum of the frames; the same on all of them."""
    if accelerator.num_processes == 1:
        return values
    mean = accelerator.reduce(torch.tensor(list(values.values()), device=accelerator.device), "mean").tolist()
    reduced = dict(zip(values, mean, strict=True))
    if SUMMED in reduced:
        reduced[SUMMED] *= accelerator.num_processes
    return reduced
