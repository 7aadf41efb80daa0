"""Suspicious takes, on made sounds and units: each thing is found alone, and ordinary sound is not suspected."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.clips import speechlike
from undertone.app.cli.batch.suspicions import (
    CLIPPED_SHARE,
    HELD_SECONDS,
    LEVEL_DB,
    REPEATS,
    SUSPICIONS,
    find_suspicions,
    level_difference_db,
    measure_take,
    repeated_frames,
)
from undertone.engine import Sampling, Speech, Take, TakeSettings
from undertone.engine.config import FRAME_RATE_HZ, HOP_SAMPLES

PROMPT_SECONDS, SECONDS = 2.0, 4.0


def varied_units(frames: int) -> Tensor:
    """Units of some 80 ms that follow no order."""
    drawn = torch.randint(0, 60, (frames // 4 + 1,), generator=torch.Generator().manual_seed(0))
    return drawn.repeat_interleave(4)[:frames]


def take_of(continuation: Tensor, tokens: Tensor | None = None, ended: str = "voice", end: str = "auto") -> Take:
    """A take whose prompt is speech-like and whose continuation is as given, [samples]."""
    audio = torch.cat([speechlike(PROMPT_SECONDS, amplitude=0.3), continuation])
    prompt_frames, frames = round(PROMPT_SECONDS * FRAME_RATE_HZ), audio.numel() // HOP_SAMPLES
    units = varied_units(frames - prompt_frames) if tokens is None else tokens
    speech = Speech(
        tokens=torch.cat([varied_units(prompt_frames), units]),
        latents=torch.zeros(frames, 1),
        latents_logstd=None,
        utterance=torch.zeros(1),
        mel=torch.zeros(frames, 1),
        audio=audio,
        seconds=frames / FRAME_RATE_HZ,
    )
    settings = TakeSettings(
        torch_version="", device="cpu", dtype="float32", threads=1, bundle_name="", bundle_sha256="", prompt_sha256="",
        frames_sha256="", prompt_start_seconds=0, prompt_end_seconds=2, prompt_frames=prompt_frames, seconds=SECONDS,
        sampling=Sampling.of(end=end), seed=0, num_takes=1, index=0,
    )  # fmt: skip
    return Take(speech, prompt_frames, ended, settings)  # type: ignore[arg-type]


def suspicions_of(take: Take) -> list[str]:
    return find_suspicions(measure_take(take))


SPOKEN = speechlike(SECONDS, amplitude=0.3, seed=1)
QUIET = torch.cat([SPOKEN[: SPOKEN.numel() // 4], torch.zeros(SPOKEN.numel() * 3 // 4)])  # a quarter is speech
CLIPPED = SPOKEN.clone()
CLIPPED[:: round(1 / (2 * CLIPPED_SHARE))] = 1.0


def test_ordinary_sound_is_not_suspected() -> None:
    assert suspicions_of(take_of(SPOKEN)) == []


@pytest.mark.parametrize(
    ("name", "take"),
    [
        ("silent", take_of(QUIET)),
        ("clipped", take_of(CLIPPED)),
        ("no_end", take_of(SPOKEN, ended="limit")),
        ("level", take_of(SPOKEN * 10 ** (-(LEVEL_DB + 2) / 20))),
        ("repeated_units", take_of(SPOKEN, torch.tensor([1, 2, 3, 4, 5]).repeat(40))),
        ("repeated_units", take_of(SPOKEN, torch.full((200,), 7))),
    ],
)
def test_each_is_found_and_nothing_else(name: str, take: Take) -> None:
    assert name in SUSPICIONS
    assert suspicions_of(take) == [name]


def test_digital_silence_and_noise_that_nobody_hears_are_silent() -> None:
    assert "silent" in suspicions_of(take_of(torch.zeros(SPOKEN.numel())))
    assert "silent" in suspicions_of(take_of(1e-4 * torch.randn(SPOKEN.numel(), generator=torch.Generator())))


def test_a_take_that_was_not_to_end_needs_no_end() -> None:
    assert suspicions_of(take_of(SPOKEN, ended="limit", end="never")) == []


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 6.0])
def test_the_difference_of_level_is_the_gain(gain_db: float) -> None:
    prompt = speechlike(3.0, amplitude=0.1)
    assert level_difference_db(prompt * 10 ** (gain_db / 20), prompt) == pytest.approx(gain_db, abs=0.1)


def test_level_is_not_said_of_too_little_sound() -> None:
    assert level_difference_db(SPOKEN[:1000], SPOKEN) is None
    measures = replace(measure_take(take_of(SPOKEN)), level_difference_db=None)
    assert find_suspicions(measures) == []


@pytest.mark.parametrize("period", [2, 5, 17])
def test_turns_count_from_the_least_number_on(period: int) -> None:
    turn = torch.arange(period).repeat_interleave(3)  # each unit lasts 3 frames
    before, after = torch.tensor([90, 91]), torch.tensor([92])
    for turns in (REPEATS - 1, REPEATS, REPEATS + 3):
        tokens = torch.cat([before, turn.repeat(turns), after])
        assert repeated_frames(tokens) == (turns * len(turn) if turns >= REPEATS else 3)


def test_a_loop_is_found_whatever_its_units_last() -> None:
    lengths = torch.randint(1, 9, (60,), generator=torch.Generator().manual_seed(1))
    tokens = torch.arange(3).repeat(20).repeat_interleave(lengths)
    assert repeated_frames(tokens) == len(tokens)
    assert len(tokens) / FRAME_RATE_HZ > HELD_SECONDS


def test_units_in_no_order_repeat_nothing() -> None:
    assert repeated_frames(torch.zeros(0, dtype=torch.int64)) == 0
    assert repeated_frames(varied_units(500)) < HELD_SECONDS * FRAME_RATE_HZ
