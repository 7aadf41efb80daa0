"""Settings that every trained stage has (budget, checkpoints, measurements), and the ranges of all settings."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from undertone.engine.config import Config
from undertone.train.loop.budget import Budget

Minutes = Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Frames = Annotated[int, Field(ge=1, le=10**15)]
CheckpointCount = Annotated[int, Field(ge=1, le=1000)]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000_000)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
ShareBelowOne = Annotated[float, Field(ge=0.0, lt=1.0)]
PartOfFiles = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, le=1e9)]
Rate = Annotated[float, Field(gt=0.0, le=10.0)]  # of learning
Weight = Annotated[float, Field(ge=0.0, le=1e6)]
WindowFrames = Annotated[int, Field(ge=2, le=1_000_000)]
Tempo = Annotated[float, Field(ge=0.25, le=4.0)]
Decibels = Annotated[float, Field(ge=-60.0, le=60.0)]
UtteranceSeconds = Annotated[float, Field(ge=0.1, le=60.0)]


def _in_order(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first of a range is the smaller one, got {pair[0]:g} before {pair[1]:g}")
    return pair


SecondsRange = Annotated[tuple[UtteranceSeconds, UtteranceSeconds], AfterValidator(_in_order)]
TempoRange = Annotated[tuple[Tempo, Tempo], AfterValidator(_in_order)]
GainRange = Annotated[tuple[Decibels, Decibels], AfterValidator(_in_order)]


class RunSettings(Config):
    """Settings that every recipe of a trained stage has."""

    steps: Count | None = None  # a budget in optimiser steps, or
    minutes: Minutes | None = None  # in minutes of training, or
    frames: Frames | None = None  # in frames seen, over all processes
    checkpoint_minutes: Minutes = 3.0  # of training between two checkpoints; a run that is stopped writes one too
    checkpoints_kept: CheckpointCount = 2
    evaluate_minutes: Minutes = 10.0  # of training between two measurements of the dev split
    log_steps: Count = 20
    # Early stopping: the run ends after so many measurements in a row without a lower value; None goes to the budget.
    stop_patience: Count | None = None
    stop_metric: str = "loss"  # of the dev split, as metrics.jsonl names it behind `dev/`; lower is better
    log_with: Literal["trackio", "wandb"] | None = None  # a tracker beside metrics.jsonl and TensorBoard

    @property
    def budget(self) -> Budget:
        """Return when the run ends."""
        return Budget(self.steps, self.minutes, self.frames)


class TimedSettings(RunSettings):
    """Settings of a stage whose recipe has minutes by default: steps or frames replace them where they are given."""

    @property
    def budget(self) -> Budget:
        """Return when the run ends."""
        minutes = self.minutes if self.steps is None and self.frames is None else None
        return Budget(self.steps, minutes, self.frames)
