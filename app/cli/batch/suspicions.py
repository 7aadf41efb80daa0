"""Suspicious takes: silent, clipped, without an end, at another level than their prompt, or repeating themselves.

T frames at 50 Hz.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine import AudioLimits, Take
from undertone.engine.audio.loudness import TRIM_DB, integrated_loudness
from undertone.engine.config import FRAME_SECONDS, SAMPLE_RATE_HZ

LEVEL_SECONDS = 0.05  # of the frames whose level is looked at: longer than a period of the lowest voice
SILENCE_DBFS = AudioLimits().silence_dbfs  # as for a prompt: what is below in its loudest frame cannot be heard
# Of the continuation, quieter than its loudest by 45 dB. Read speech pauses for a fifth of its time: with three times
# as much there is hardly a sentence in it.
SILENT_SHARE = 0.6
CLIP_LEVEL = AudioLimits().clip_level
CLIPPED_SHARE = 0.001  # 16 samples a second: each is a click that can be heard; a tenth of what a prompt may have
LEVEL_DB = 10.0  # louder or softer than the prompt: ten decibels are heard as twice or half as loud
HELD_SECONDS = 2.0  # one unit, or a few in turn: no vowel of speech lasts so long, and no pause between words
REPEATS = 4  # of the same units in turn: "no, no, no" is said, four times or more for two seconds is a loop
MAX_PERIOD = 40  # units in turn that are looked for; some 3 s of speech

SUSPICIONS = ("silent", "clipped", "no_end", "level", "repeated_units")


@dataclass(frozen=True)
class TakeMeasures:
    """What was measured of a continuation; None where there is too little sound to say."""

    loudest_dbfs: float  # level of the loudest 50 ms
    silent_share: float  # of 50 ms frames 45 dB below the loudest
    clipped_share: float  # of samples at full scale or beyond
    level_difference_db: float | None  # loudness less that of the prompt, as the model says it
    repeated_seconds: float  # the longest time in which a unit is held, or units come in the same order again and again
    found_end: bool


def measure_take(take: Take) -> TakeMeasures:
    """Return what the sound and the units of a continuation give to be judged by."""
    sound = take.continuation_audio.float()
    levels = frame_levels_dbfs(sound)
    loudest = levels.max().item()
    return TakeMeasures(
        loudest_dbfs=round(loudest, 2),
        silent_share=round((levels < loudest + TRIM_DB).float().mean().item(), 4),
        clipped_share=round((sound.abs() >= CLIP_LEVEL).float().mean().item(), 6) if sound.numel() else 0.0,
        level_difference_db=level_difference_db(sound, take.prompt_audio.float()),
        repeated_seconds=round(repeated_frames(take.speech.tokens[take.prompt_frames :]) * FRAME_SECONDS, 2),
        found_end=take.ended != "limit" or take.settings.sampling.end == "never",
    )


def find_suspicions(measures: TakeMeasures) -> list[str]:
    """Return what is suspicious, of SUSPICIONS in their order."""
    level = measures.level_difference_db
    found = {
        "silent": measures.loudest_dbfs < SILENCE_DBFS or measures.silent_share > SILENT_SHARE,
        "clipped": measures.clipped_share > CLIPPED_SHARE,
        "no_end": not measures.found_end,
        "level": level is not None and abs(level) > LEVEL_DB,
        "repeated_units": measures.repeated_seconds >= HELD_SECONDS,
    }
    return [name for name in SUSPICIONS if found[name]]


def frame_levels_dbfs(sound: Tensor) -> Tensor:
    """Return the level of every 50 ms of [samples], in dB of full scale; -120 for digital silence or no sound."""
    frame = round(LEVEL_SECONDS * SAMPLE_RATE_HZ)
    padded = torch.nn.functional.pad(sound, (0, -sound.numel() % frame or (0 if sound.numel() else frame)))
    return 10 * torch.log10(padded.reshape(-1, frame).square().mean(1) + 1e-12)


def level_difference_db(sound: Tensor, prompt: Tensor) -> float | None:
    """Return the loudness (ITU-R BS.1770, pauses left out) of [samples] less that of a prompt's.

    None where either is shorter than 0.4 s or too soft to measure.
    """
    own, asked = (integrated_loudness(part, SAMPLE_RATE_HZ) for part in (sound, prompt))
    return None if own is None or asked is None else round(own - asked, 2)


def repeated_frames(tokens: Tensor) -> int:
    """Return the frames of the longest time in which one unit is held or the same few come REPEATS times or more.

    Args:
        tokens: int64 [T]. How long each unit lasts does not count in comparing turns: only which follows which.
    """
    if not tokens.numel():
        return 0
    units, lengths = torch.unique_consecutive(tokens, return_counts=True)
    ends = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    longest = int(lengths.max())
    for period in range(2, min(MAX_PERIOD, units.numel() // REPEATS) + 1):
        same = (units[period:] == units[:-period]).tolist()
        run = 0
        for place, again in enumerate(same):
            run = run + 1 if again else 0
            if run >= (REPEATS - 1) * period:  # the units place - run + 1 to place + period are turns of one order
                longest = max(longest, int(ends[place + period + 1] - ends[place - run + 1]))
    return longest
