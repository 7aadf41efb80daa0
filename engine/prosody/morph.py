"""Between two recordings: their frames paired by token, and everything interpolated along the pairs."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undertone.engine.errors import SettingsError
from undertone.engine.generation.speech import Speech
from undertone.engine.prosody.alignment import align, transfer_latents


@dataclass(frozen=True, eq=False)
class DecoderFrames:
    """Frames that the decoder reads."""

    tokens: Tensor  # int64 [T]
    latents: Tensor  # float32 [T, Z]
    latents_logstd: Tensor | None  # of the posterior, where the latents are its mean
    utterance: Tensor  # [S]

    @classmethod
    def of(cls, speech: Speech) -> "DecoderFrames":
        """Return a recording's own frames."""
        return cls(speech.tokens, speech.latents, speech.latents_logstd, speech.utterance)


def morph_frames(
    first: Speech,
    second: Speech,
    amount: float,
    distances: Tensor | None = None,
    timing: Literal["between", "first"] = "between",
) -> DecoderFrames:
    """Return the frames between two recordings.

    With timing "between" the ends are the recordings themselves, bit for bit; between them latents, durations and
    the utterance embedding are mixed, and a frame says the token of the recording that is nearer. With "first" only
    the latents are mixed, on the first recording's tokens and in its voice.

    Args:
        amount: 0 is the first recording, 1 the second.
        distances: see `align`.
    Raises:
        SettingsError: an amount outside 0 to 1.
    """
    if not 0.0 <= amount <= 1.0:
        raise SettingsError(f"amount is {amount:g}; expected 0 (the first recording) to 1 (the second).")
    if amount == 0.0:
        return DecoderFrames.of(first)
    if timing == "first":
        carried = transfer_latents(second, first, distances)
        latents = carried if amount == 1.0 else torch.lerp(first.latents, carried, amount)
        return DecoderFrames(first.tokens, latents, None, first.utterance)
    if amount == 1.0:
        return DecoderFrames.of(second)
    pairs = align(first.tokens, second.tokens, distances)
    times = (1 - amount) * pairs.first + amount * pairs.second
    num_frames = round(float((1 - amount) * first.num_frames + amount * second.num_frames))
    at = torch.searchsorted(times.double(), torch.arange(num_frames, dtype=torch.float64)).clamp_max(len(times) - 1)
    here, there = pairs.first[at], pairs.second[at]
    return DecoderFrames(
        tokens=first.tokens[here] if amount <= 0.5 else second.tokens[there],
        latents=torch.lerp(first.latents[here], second.latents[there], amount),
        latents_logstd=None,
        utterance=torch.lerp(first.utterance, second.utterance, amount),
    )
