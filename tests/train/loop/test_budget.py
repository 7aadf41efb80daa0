"""When a run ends."""

import pytest

from undertone.train.loop.budget import Budget, Clock
from undertone.train.loop.divergence import TrainingError


def test_a_budget_is_steps_or_minutes() -> None:
    assert Budget(steps=10).progress(5, 0) == 0.5
    assert Budget(minutes=2).progress(0, 60) == 0.5
    for steps, minutes in ((None, None), (1, 1.0)):
        with pytest.raises(TrainingError, match="either steps or minutes"):
            Budget(steps, minutes)


def test_a_checkpoint_of_a_version_that_counted_no_frames_is_read() -> None:
    clock = Clock()
    clock.load_state_dict({"step": 3, "seconds": 2.5})
    assert (clock.step, clock.seconds, clock.frames) == (3, 2.5, 0.0)
