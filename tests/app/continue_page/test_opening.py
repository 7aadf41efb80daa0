"""What is heard at the press is what the run begins with, and nothing of another run."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from undertone.app.continue_page.controls import read_settings
from undertone.app.continue_page.run_events import run_updates
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.opening import Opening
from undertone.app.shared.visitor import Visit

VALUES = ("custom", 1.0, 1, 7, 0.85, 1.0, 0.85, 1.0, 2, "never", 2.0)
START, LENGTH = 0.5, 1.5


@pytest.fixture
def opening(context: Context, visit: Visit) -> Opening:
    """Return what the run of these values begins with."""
    check = visit.check(START, LENGTH, context.limits)
    assert check is not None
    assert check.prompt is not None
    settings = read_settings(None, context.engine.own_guidance, *VALUES)
    speech = context.analyses.speech(check.prompt)
    sound = context.engine.opening(speech, settings.seconds, settings.sampling, settings.seed, most_seconds=1.8)
    return Opening(check.prompt, settings, sound)


def live_values(context: Context, visit: Visit, parts: tuple[Any, Any, Any], opening: Opening) -> list[dict[str, Any]]:
    """Return what the live player is told in a run before which this opening was played."""
    visit.begin().opening = opening
    return [
        updates[parts[0].live]
        for updates in run_updates(context, visit, START, LENGTH, VALUES, parts[0])
        if isinstance(updates.get(parts[0].live), dict) and "chunks" in updates[parts[0].live]
    ]


def sound_of(texts: list[str]) -> np.ndarray:
    return np.frombuffer(b"".join(base64.b64decode(text) for text in texts), "<i2")


def test_the_run_goes_on_behind_its_opening(
    context: Context, visit: Visit, parts: tuple[Any, Any, Any], opening: Opening
) -> None:
    values = live_values(context, visit, parts, opening)
    assert {value["run"] for value in values} == {opening.id}
    heard = sound_of([opening.value("", 0)["samples"], *values[-1]["chunks"]])
    take = visit.takes[0].audio.clamp(-1, 1).mul(32767).round().short().numpy()
    assert np.array_equal(heard, take)


@pytest.mark.parametrize("other", ["seed", "seconds", "sampling", "prompt"])
def test_a_run_of_something_else_is_sent_whole_and_silences_it(
    context: Context, visit: Visit, parts: tuple[Any, Any, Any], opening: Opening, other: str
) -> None:
    settings = opening.settings
    changed = {
        "seed": {"settings": replace(settings, seed=8)},
        "seconds": {"settings": replace(settings, seconds=2.0)},
        "sampling": {"settings": replace(settings, sampling=settings.sampling.model_copy(update={"steps": 3}))},
        "prompt": {"prompt": replace(opening.prompt)},  # the same part of another clip
    }[other]
    values = live_values(context, visit, parts, replace(opening, **changed))
    assert opening.id not in {value["run"] for value in values}
    assert len(sound_of(values[-1]["chunks"])) == visit.takes[0].audio.numel()


def test_what_was_heard_is_sent_by_no_chunk_however_they_are_cut() -> None:
    sound = torch.linspace(-1, 1, 1000)
    for sizes in ([1000], [100, 900], [400, 100, 500], [1] * 400 + [600]):
        broadcast = Broadcast()
        broadcast.follow("opening", 400)
        for piece in sound.split(sizes):
            broadcast.add(piece)
        sent = sound_of(broadcast.chunks)
        assert np.array_equal(sent, (sound[400:] * 32767).round().short().numpy())
