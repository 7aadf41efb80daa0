"""The recipe of a decoder student: how many steps it takes, whose guidance it follows, on what windows it learns."""

from typing import Literal

from pydantic import model_validator

from undertone.engine.config import Guidance, Size
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.loop.settings import (
    Count,
    Minutes,
    Positive,
    Rate,
    SecondsRange,
    Seed,
    Share,
    ShareBelowOne,
    TimedSettings,
    Weight,
    WindowFrames,
)

# Where each of the student's steps begins and what it is pulled to (`paths.Lesson`).
Objective = Literal["trajectory", "progressive", "reflow"]


class StudentRecipe(TimedSettings):
    """Recipe of the stage that distils the decoder of a finished model."""

    stage: Literal["student"] = "student"
    name: str = "student"
    minutes: Minutes | None = 20.0  # where neither steps nor frames are given
    student_steps: Size = 2  # evaluations of the network for a mel
    teacher_steps: Size = 12  # of dpm++, guided; a multiple of the student's, whose timesteps are then among them
    guidance: Guidance | None = None  # of the teacher; None: the model's own
    # Of the teacher, and of the bundle's decoder from then on; None: the model's own.
    guidance_rescale: Share | None = None
    objective: Objective = "trajectory"
    waypoint_weight: Weight = 0.5  # of the states on the way against the mel at its end
    window_frames: WindowFrames = 160
    batch_size: Count = 8  # windows per process and step
    # The teacher is asked some ten times as often as the student: its paths are kept, and each is used several times.
    pool_batches: Count = 8  # batches whose paths are in memory
    pool_uses: Count = 4  # steps for each of those batches
    pool_shards: Count = 4  # of a corpus in shards: how many are in memory
    utterance_seconds: SecondsRange = (2.0, 4.0)
    learning_rate: Rate = 5e-4
    learning_rate_warmup: Share = 0.02
    learning_rate_floor: Share = 0.02
    max_gradient_norm: Positive | None = 1.0
    average_decay: ShareBelowOne | None = 0.998  # exponential average of the weights, which is then what is exported
    dev_batches: Count = 4
    seed: Seed = 0

    @model_validator(mode="after")
    def _steps_fit(self) -> "StudentRecipe":
        if self.teacher_steps % self.student_steps:
            raise ValueError(
                f"teacher_steps is {self.teacher_steps}, which is no multiple of student_steps {self.student_steps}"
            )
        return self

    def rate(self, progress: float) -> float:
        """Return the learning rate at a share of the budget."""
        return self.learning_rate * warmup_cosine(progress, self.learning_rate_warmup, self.learning_rate_floor)
