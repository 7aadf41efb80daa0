"""What an evaluation finds: rows of clips on disk, pooled numbers with intervals, JSON both."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from undertone.engine import Sampling
from undertone.engine.config import Config
from undertone.studies.lexical.scoring import LexicalAccuracy
from undertone.studies.measures.clusters import Cluster
from undertone.studies.measures.intervals import Curve, Estimate, ShareEstimate, estimate
from undertone.studies.measures.likelihood import Likelihood

# Of the pooled ratio, not of each clip: the root of a mean is not the mean of roots.
CURVES: dict[str, Curve] = {
    "f0_rmse_hz": np.sqrt,
    "f0_rmse_semitones": np.sqrt,
    "transcript_perplexity": np.exp,
    "transcript_perplexity_natural": np.exp,
    "transcript_perplexity_backwards": np.exp,
}


@dataclass(frozen=True)
class Row:
    """Measures of one clip in one system."""

    clip_id: str
    speaker: str
    seconds: float
    system: str
    measures: dict[str, ShareEstimate]
    text: str | None = None  # as the recogniser read it
    judged: dict[str, str] = field(default_factory=dict)  # texts that the language model read, by what was said

    def cluster(self, kind: Cluster) -> str:
        """Return what the row belongs to when clusters are resampled."""
        return self.speaker if kind == "speaker" else self.clip_id


class Speed(Config):
    """Speed of one continuation, as `undertone bench` measures it, on the machine of the evaluation."""

    real_time_factor: float
    first_audio_seconds: float
    device: str
    threads: int


class DisturbedPrompts(Config):
    """What a voice answers to prompts of one kind."""

    prompts: int
    refused: int  # of them, with a word why
    peak: float | None = None  # highest |sample| of all takes, 1 is full scale; None without takes
    loudness_lufs: float | None = None  # in the mean; None where nothing could be measured
    loudest_lufs: float | None = None  # of all takes
    silent: float | None = None  # share of frames below -60 dB of full scale or 35 dB below the take's loudest
    ended: float | None = None  # share of takes that ended by themselves


class Evaluation(Config):
    """A bundle's numbers on held-out speech."""

    format_version: Literal[1] = 1
    bundle: str
    bundle_sha256: str
    created: str  # ISO 8601 date
    corpus: str
    split: str
    seed: int
    num_clips: int
    num_speakers: int
    clip_seconds: float  # in all
    cluster: Cluster  # what the intervals resample
    sampling: Sampling
    systems: dict[str, dict[str, Estimate]]  # by system and measure
    likelihood: Likelihood
    prompt_seconds: float
    continuation_seconds: float  # at most
    num_continuations: int
    continuations: dict[str, Estimate]  # by measure; empty where none were made
    disturbed: dict[str, DisturbedPrompts] = Field(default_factory=dict)  # by what was done to prompts
    others: dict[str, dict[str, Estimate]] = Field(default_factory=dict)  # by system and measure, from `--also`
    whisper: str | None = None  # the second recogniser's folder, where it listened
    language_model: str | None = None  # that read the transcripts of continuations
    lexical: dict[str, LexicalAccuracy] = Field(
        default_factory=dict
    )  # by kind of pair; empty where no pairs were given
    speed: Speed
    not_measured: dict[str, str]  # measure to the reason
    skipped: dict[str, str]  # clip to the reason
    packages: dict[str, str]  # versions of what measured


def pool_rows(rows: list[Row], cluster: Cluster) -> dict[str, Estimate]:
    """Return an estimate of every measure that the rows of one system have."""
    clusters = [row.cluster(cluster) for row in rows]
    found: dict[str, Estimate] = {}
    for measure in dict.fromkeys(name for row in rows for name in row.measures):
        shares = [row.measures.get(measure, ShareEstimate(0.0, 0)) for row in rows]
        number = estimate(shares, clusters, CURVES.get(measure))
        if number is not None:
            found[measure] = number
    return found


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write one JSON line for every row; each measure as the sum and the count that it adds to the pooled ratio."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
