"""The progress bar of a run."""

import pytest

from undertone.train.loop.budget import Budget, Clock
from undertone.train.loop.progress_bar import RunProgress, progress_text


def test_the_bar_says_steps_frames_a_second_and_the_loss() -> None:
    words = progress_text(Clock(1240, 60.0, 5e5), Budget(steps=20_000), 9310.4, {"loss": 0.51342, "kl": 1.0})
    assert words == "step 1,240 of 20,000, 9,310 frames/s, loss 0.5134"
    assert progress_text(Clock(7), Budget(minutes=3), 12.0, {}) == "step 7, 12 frames/s"


def test_the_bar_of_a_resumed_run_begins_where_the_run_stands(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress("model", Budget(steps=8), Clock(step=4)) as bar:
        bar.advance(Clock(step=6))
    shown = capsys.readouterr().err
    assert "50%" in shown
    assert "to go" in shown
