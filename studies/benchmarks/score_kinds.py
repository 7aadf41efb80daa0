"""The ways in which two recordings are compared by likelihood: by tokens, latents or both, as a sum or a mean."""

from collections.abc import Sequence
from typing import get_args

from undertone.engine.generation.likelihood import SpeechLikelihood, Stream


def score_kinds(found: Sequence[SpeechLikelihood]) -> list[tuple[str, Stream, bool]]:
    """Return name, stream and whether by frame of every kind of score that the system has."""
    streams: list[Stream] = [
        stream for stream in get_args(Stream) if stream == "tokens" or all(one.latents is not None for one in found)
    ]
    return [(f"{stream}-{'mean' if mean else 'sum'}", stream, mean) for stream in streams for mean in (False, True)]
