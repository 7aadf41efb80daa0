"""TODO docstring."""

from typing import Literal

Cluster = Literal["speaker", "clip"]


MIN_SPEAKERS = 8  # with fewer, clips are resampled instead of speakers
