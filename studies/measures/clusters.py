"""The unit of an interval: clips of one speaker go together where there are enough speakers."""

from typing import Literal

Cluster = Literal["speaker", "clip"]


MIN_SPEAKERS = 8  # with fewer, clips are resampled instead of speakers
