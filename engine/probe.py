"""What each latent dimension does, measured on held-out speech: `probe.json` in a bundle's folder.

`undertone probe` writes it; it is no part of the bundle's fingerprint. Z latent dims; sigma is the standard deviation
of a dimension over the reference speech.
"""

import logging
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from undertone.engine.config import Config
from undertone.engine.errors import BundleError, SettingsError
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.files.validation import read_json, validate_values

PROBE_FILE = "probe.json"
PERCENTILES = (0.5, 2.5, 16.0, 50.0, 84.0, 97.5, 99.5)

Finite = Annotated[float, Field(allow_inf_nan=False)]
logger = logging.getLogger(__name__)


class LatentStatistics(Config):
    """Distribution of the posterior means of reference speech: what one sigma of an edit is."""

    mean: tuple[Finite, ...]  # [Z]
    std: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]  # [Z]
    percentile_levels: tuple[float, ...] = PERCENTILES
    percentiles: tuple[tuple[Finite, ...], ...]  # [Z][levels], in the units of the latents

    @model_validator(mode="after")
    def _sizes_fit(self) -> "LatentStatistics":
        if not len(self.mean) == len(self.std) == len(self.percentiles):
            raise ValueError("mean, std and percentiles need one entry for each dimension")
        if any(len(row) != len(self.percentile_levels) for row in self.percentiles):
            raise ValueError("percentiles need one entry for each level")
        return self

    @classmethod
    def of(cls, latents: Tensor) -> "LatentStatistics":
        """Return the statistics of frames of speech [T, Z].

        Raises:
            SettingsError: fewer than two frames, or values that are not finite.
        """
        if latents.ndim != 2 or latents.shape[0] < 2 or not torch.isfinite(latents).all():
            raise SettingsError(f"latents of shape {list(latents.shape)} give no statistics; expected finite [T, Z].")
        frames = latents.detach().to("cpu", torch.float64)
        levels = torch.tensor(PERCENTILES, dtype=torch.float64) / 100
        return cls(
            mean=tuple(frames.mean(0).tolist()),
            std=tuple(frames.std(0).clamp_min(1e-6).tolist()),  # a collapsed dimension still has a sigma
            percentiles=tuple(tuple(row) for row in frames.quantile(levels, dim=0).T.tolist()),
        )

    @property
    def num_dimensions(self) -> int:
        """Return Z."""
        return len(self.mean)

    def slider_range(self, dimension: int, low: float = 2.5, high: float = 97.5) -> tuple[float, float]:
        """Return two percentiles of a dimension in sigmas from its mean: how far real speech goes."""
        row = dict(zip(self.percentile_levels, self.percentiles[dimension], strict=True))
        if low not in row or high not in row:
            raise SettingsError(f"percentiles {low:g} and {high:g} were asked for; measured: {sorted(row)}.")
        mean, std = self.mean[dimension], self.std[dimension]
        return (row[low] - mean) / std, (row[high] - mean) / std


class Measured(Config):
    """Number and its 95 % interval."""

    value: Finite
    low: Finite
    high: Finite

    def text(self, unit: str = "") -> str:
        """Return the value for people: `+1.2 dB [0.9, 1.5]`; what has no unit, a correlation, with two digits."""
        if not unit:
            return f"{self.value:+.2f} [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:+.1f} {unit} [{self.low:.1f}, {self.high:.1f}]"


class Effect(Measured):
    """Change of an attribute when a dimension is moved, against the same clip unmoved."""

    sigma: float
    clips: int  # that gave something to measure


Effects = dict[str, tuple[Effect, ...]]  # by attribute, in rising order of sigma


class Attribute(Config):
    """Quantity that is measured in sound."""

    label: str  # "F0 mean"
    unit: str  # "semitones"
    noticeable: float  # a change that a listener notices, in the unit: effects are compared in it


class DimensionProbe(Config):
    """Measured effects of one latent dimension."""

    index: int
    name: str  # from the measurements: "loudness", "pitch height", ...
    evidence: str  # one sentence with the numbers that gave the name
    importance: float  # largest effect of +-2 sigma, in noticeable changes; cards are sorted by it
    kl_nats: float  # per frame
    slider_low: float  # sigmas: 2.5th percentile of real speech
    slider_high: float
    effects: Effects
    correlations: dict[str, Measured]  # with frame attributes, within clips
    r2: dict[str, float]  # of the attribute predicted from this dimension alone, within clips, across speakers


class DirectionProbe(Config):
    """A direction in latent space that moves one measured attribute and leaves others."""

    name: str  # "pitch height"
    attribute: str  # of frames
    # "regression": where the attribute is written in the latents of speech;
    # "response": what the decoder answers to when dimensions are moved.
    method: Literal["regression", "response"]
    vector: tuple[Finite, ...]  # [Z] change of the latents for one sigma
    readout: tuple[Finite, ...]  # [Z] readout . latents is where a frame lies along the direction, in sigmas
    r2: float | None  # of the attribute predicted from all latents, within clips, cross-validated over speakers
    evidence: str
    importance: float
    slider_low: float
    slider_high: float
    effects: Effects


class ProbeReport(Config):
    """Content of `probe.json`."""

    format_version: Literal[1] = 1
    bundle: str
    bundle_sha256: str
    created: str  # ISO 8601 date
    corpus: str
    split: str
    seed: int
    num_clips: int
    num_speakers: int
    num_frames: int
    cluster: Literal["speaker", "clip"]  # what the intervals resample
    solver: str
    steps: int  # of the diffusion decoder
    attributes: dict[str, Attribute]  # of clips: keys of `effects`
    frame_attributes: dict[str, Attribute]  # of frames: keys of `correlations` and `r2`
    statistics: LatentStatistics
    dimensions: tuple[DimensionProbe, ...]
    directions: tuple[DirectionProbe, ...]
    missing_directions: dict[str, str]  # name to what was measured instead of a sure and noticeable effect
    r2: dict[str, Measured]  # of each frame attribute predicted from all latents, cross-validated over speakers
    r2_within_clips: dict[str, Measured]  # the same, both less their mean over the clip
    skipped: dict[str, str]  # clip to the reason

    def by_importance(self) -> list[DimensionProbe]:
        """Return the dimensions in the order of a page."""
        return sorted(self.dimensions, key=lambda probe: (-probe.importance, -probe.kl_nats))

    def mover(self, attribute: str) -> DimensionProbe | None:
        """Return the dimension that moves an attribute most, of those that move it monotonically if there are any."""
        having = [probe for probe in self.dimensions if attribute in probe.effects]
        sure = [probe for probe in having if is_monotone(probe.effects[attribute])]
        return max(sure or having, key=lambda probe: abs(effect_range(probe.effects[attribute])), default=None)

    def write(self, folder: Path) -> Path:
        """Put the report into a bundle's folder, whole or not at all."""
        return write_whole(folder / PROBE_FILE, self.model_dump_json(indent=1) + "\n")


def effect_range(effects: Sequence[Effect]) -> float:
    """Return the change from lowest to highest sigma that both sides show: twice the smaller one, 0 for one side only.

    A few clips whose F0 is estimated an octave off at one end make a large mean there and nothing at the other.
    """
    if not effects or effects[0].value * effects[-1].value >= 0:
        return 0.0
    size = 2 * min(abs(effects[0].value), abs(effects[-1].value))
    return size if effects[-1].value > 0 else -size


def is_monotone(effects: Sequence[Effect]) -> bool:
    """Return whether an attribute rises or falls over all shifts, 0 included, and the ends' intervals are apart."""
    values = [value for _, value in sorted([(0.0, 0.0), *((e.sigma, e.value) for e in effects)])]
    steps = [after - before for before, after in pairwise(values)]
    if not steps or not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        return False
    low, high = effects[0], effects[-1]
    return low.high < high.low or high.high < low.low


def load_probe(folder: Path, bundle_sha256: str) -> ProbeReport | None:
    """Return the report of a bundle's folder; None where there is none, or where it was measured on other weights.

    Raises:
        BundleError: the file is there and is no report.
    """
    path = folder / PROBE_FILE
    if not path.is_file():
        return None
    values = read_json(path, "a report of `undertone probe`, which can be run again", BundleError)
    report = validate_values(ProbeReport, values, str(path), BundleError, complete=True)
    if report.bundle_sha256 != bundle_sha256:
        logger.warning("%s was measured on other weights and is left out; run `undertone probe` again.", path)
        return None
    return report
