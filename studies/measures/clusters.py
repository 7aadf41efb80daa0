"""The unit of an interval: clips of one speaker go together where there are enough speakers."""

from collections.abc import Iterable
from typing import Literal

Cluster = Literal["speaker", "clip"]


MIN_SPEAKERS = 8  # with fewer, clips are resampled instead of speakers


def cluster_of(speakers: Iterable[str]) -> Cluster:
    """Return what is resampled for clips of these speakers: speakers where there are enough of them, else clips."""
    return "speaker" if len(set(speakers)) >= MIN_SPEAKERS else "clip"
