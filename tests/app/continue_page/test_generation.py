"""One press of Continue: progress, sound as it is made, and stopping."""

import base64

import numpy as np
import pytest
import torch

from tests.app.continue_page.continuations import finish
from undertone.app.continue_page.generation import continue_prompt
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine, Sampling, SettingsError


def test_a_run_ends_with_its_takes_and_their_settings(engine: Engine, visit: Visit) -> None:
    reports, _ = finish(engine, visit)
    takes = reports[-1].takes
    assert [take.settings.index for take in takes] == [0, 1]
    assert takes[0].prompt_frames == 75
    assert takes[0].audio.numel() == (75 + 50) * 320
    assert takes[0].settings.prompt_start_seconds == 0.5
    fractions = [report.fraction for report in reports if report.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_what_was_heard_live_is_the_first_take(engine: Engine, visit: Visit) -> None:
    reports, broadcast = finish(engine, visit)
    data = b"".join(base64.b64decode(chunk) for chunk in broadcast.chunks)
    heard = np.frombuffer(data, "<i2")
    expected = (reports[-1].takes[0].audio.clamp(-1, 1) * 32767).round().short().numpy()
    np.testing.assert_array_equal(heard, expected)


def test_the_browser_is_told_where_the_prompt_ends(engine: Engine, visit: Visit) -> None:
    reports, broadcast = finish(engine, visit)
    assert broadcast.value()["prompt"] == reports[-1].takes[0].prompt_samples


def test_the_same_seed_gives_the_same_takes(engine: Engine, visit: Visit) -> None:
    first, second = (finish(engine, visit)[0][-1].takes for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.audio, other.audio)


def test_a_stopped_run_ends_without_takes(engine: Engine, visit: Visit) -> None:
    run = visit.begin()
    long = ContinuationSettings(seconds=15.0, num_takes=1, seed=7, sampling=Sampling(steps=2, end="never"))
    reports = []
    for report in continue_prompt(engine, visit.prompt(0.0, 2.0, engine.limits), long, run, Broadcast()):
        reports.append(report)
        if report.fraction:
            visit.cancel()
    assert not any(report.takes for report in reports)
    assert reports[-1].fraction is not None
    assert reports[-1].fraction < 1


def test_more_seconds_than_the_model_has_are_refused(engine: Engine, visit: Visit) -> None:
    with pytest.raises(SettingsError, match="shorter prompt"):
        finish(engine, visit, ContinuationSettings(500.0, 1, 7, Sampling()))
