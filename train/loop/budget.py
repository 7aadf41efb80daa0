"""When a run ends, and how far it is."""

from dataclasses import asdict, dataclass

from undertone.train.loop.divergence import TrainingError


@dataclass(frozen=True)
class Budget:
    """The end of a run: after so many optimiser steps, minutes of training (resumed time counts), or frames seen."""

    steps: int | None = None
    minutes: float | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        if sum(limit is not None for limit in (self.steps, self.minutes, self.frames)) != 1:
            raise TrainingError(
                f"a budget needs either steps or minutes or frames, "
                f"got steps={self.steps} minutes={self.minutes} frames={self.frames}"
            )

    def progress(self, step: int, seconds: float, frames: float = 0.0) -> float:
        """Return the share of the budget used, at least 1 when it is spent."""
        if self.steps is not None:
            return step / self.steps
        if self.frames is not None:
            return frames / self.frames
        return seconds / (60 * (self.minutes or 1e-9))


@dataclass
class Clock:
    """Training time, frames and what early stopping counts, checkpointed so that they survive a restart."""

    step: int = 0
    seconds: float = 0.0
    frames: float = 0.0
    best: float | None = None  # the lowest value of `stop_metric` so far
    unimproved: int = 0  # measurements since then

    def state_dict(self) -> dict[str, float | None]:
        """Return the state to checkpoint."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, float | None]) -> None:
        """Load the state of a checkpoint."""
        self.step, self.seconds = int(state["step"] or 0), float(state["seconds"] or 0.0)
        self.frames = float(state.get("frames") or 0.0)  # checkpoints of earlier versions did not count them,
        self.best, self.unimproved = state.get("best"), int(state.get("unimproved") or 0)  # nor these
