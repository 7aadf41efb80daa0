"""Edits of latents: what is changed, where in time, and in which order. T frames at 50 Hz, Z latent dims.

Edits are applied one after another. Each reads one track [T], a dimension or the place along a direction, and

1. holds it at its mean over the utterance (`flatten`), or smooths it over time,
2. scales what is left around that mean,
3. shifts it,
4. fades from the frames as they were to the changed ones, within the time range.

Frames outside of the range and dimensions that no edit names keep their bits. `edit + other` is one after the other.
"""

import math
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from undertone.engine.config import FRAME_RATE_HZ, Config
from undertone.engine.errors import SettingsError
from undertone.engine.files.validation import validate_values
from undertone.engine.probe import DirectionProbe, Finite, LatentStatistics

MAX_SIGMA = 10.0  # far outside of all speech: beyond it a slip is likelier than a wish

Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class TrackEdit(Config):
    """Change of one track, common to both kinds of edits."""

    shift: Annotated[float, Field(ge=-MAX_SIGMA, le=MAX_SIGMA)] = 0.0  # sigmas of the reference speech
    scale: Annotated[float, Field(ge=-MAX_SIGMA, le=MAX_SIGMA)] = 1.0  # around the utterance's mean; below 0 mirrors
    smoothing_seconds: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0  # width of the window; 0: none
    flatten: bool = False
    start_seconds: Seconds | None = None  # None: from the beginning
    end_seconds: Seconds | None = None  # None: to the end
    fade_seconds: Annotated[float, Field(ge=0.0, le=1.0)] = 0.06  # at each end of the range, inside of it

    @model_validator(mode="after")
    def _range_has_length(self) -> "TrackEdit":
        if self.end_seconds is not None and self.end_seconds <= (self.start_seconds or 0.0):
            raise ValueError(
                f"end_seconds {self.end_seconds:g} must lie behind start_seconds {self.start_seconds or 0:g}"
            )
        return self

    @property
    def is_identity(self) -> bool:
        """Return whether nothing would change."""
        return self.shift == 0.0 and self.scale == 1.0 and self.smoothing_seconds == 0.0 and not self.flatten


class DimensionEdit(TrackEdit):
    """Change of one latent dimension."""

    kind: Literal["dimension"] = "dimension"
    dimension: Annotated[int, Field(ge=0)]


class DirectionEdit(TrackEdit):
    """Change along a direction in latent space; `DirectionProbe` has the vectors of measured attributes."""

    kind: Literal["direction"] = "direction"
    name: str = ""  # for people
    vector: tuple[Finite, ...]  # [Z] change of the latents for one sigma
    readout: tuple[Finite, ...]  # [Z] readout . latents is where a frame lies, in sigmas

    @classmethod
    def along(cls, measured: DirectionProbe, **values: Any) -> "DirectionEdit":
        """Return the edit along a direction of the bundle's probe, with the settings of any edit.

        Raises:
            SettingsError: naming the setting, its value and its range.
        """
        vectors = {"name": measured.name, "vector": measured.vector, "readout": measured.readout}
        return validate_values(cls, vectors | values, "direction edit", SettingsError)

    @model_validator(mode="after")
    def _vectors_fit(self) -> "DirectionEdit":
        if len(self.vector) != len(self.readout):
            raise ValueError(f"vector has {len(self.vector)} entries and readout {len(self.readout)}; they must agree")
        along = math.fsum(a * b for a, b in zip(self.vector, self.readout, strict=True))
        if abs(along - 1) > 1e-3:
            raise ValueError(f"readout . vector is {along:g}; it must be 1, so that one sigma of shift is one sigma")
        return self


AnyEdit = Annotated[DimensionEdit | DirectionEdit, Field(discriminator="kind")]


class LatentEdit(Config):
    """Edits of an utterance's latents, applied in this order."""

    edits: tuple[AnyEdit, ...] = ()

    @classmethod
    def of(cls, **values: Any) -> "LatentEdit":
        """Return the edit that loose values, for example of a page, describe.

        Raises:
            SettingsError: naming the setting, its value and its range.
        """
        return validate_values(cls, values, "latent edit", SettingsError)

    @classmethod
    def flattened(cls, num_dimensions: int) -> "LatentEdit":
        """Return the edit that holds every dimension at its mean over the utterance."""
        return cls(edits=tuple(DimensionEdit(dimension=index, flatten=True) for index in range(num_dimensions)))

    @property
    def is_identity(self) -> bool:
        """Return whether nothing would change."""
        return all(edit.is_identity for edit in self.edits)

    def __add__(self, other: "LatentEdit") -> "LatentEdit":
        return LatentEdit(edits=self.edits + other.edits)


def apply_edit(
    latents: Tensor, edit: LatentEdit, statistics: LatentStatistics, frame_rate_hz: float = FRAME_RATE_HZ
) -> Tensor:
    """Return the edited latents [T, Z]; the very tensor that came in where the edit changes nothing.

    Raises:
        SettingsError: a dimension or a time that the latents do not have, or values that are not finite.
    """
    _check(latents, edit, statistics, frame_rate_hz)
    for item in edit.edits:
        if item.is_identity:
            continue
        weight = _fade_weights(item, latents.shape[0], frame_rate_hz).to(latents)
        if isinstance(item, DimensionEdit):
            track = latents[:, item.dimension]
            changed = _change_track(track, item, statistics.std[item.dimension], frame_rate_hz)
            latents = latents.clone()
            latents[:, item.dimension] = _crossfade(track, changed, weight)
        else:
            track = latents @ latents.new_tensor(item.readout)
            step = (_change_track(track, item, 1.0, frame_rate_hz) - track)[:, None] * latents.new_tensor(item.vector)
            latents = _crossfade(latents, latents + step, weight[:, None])
    return latents


def _change_track(track: Tensor, edit: TrackEdit, sigma: float, frame_rate_hz: float) -> Tensor:
    """Apply steps 1 to 3 to a track [T]."""
    mean = track.mean()
    if edit.flatten:
        changed = mean.expand_as(track)
    elif edit.smoothing_seconds > 0:
        changed = _smooth(track, edit.smoothing_seconds * frame_rate_hz)
    else:
        changed = track
    if edit.scale != 1.0:
        changed = mean + edit.scale * (changed - mean)
    return changed + edit.shift * sigma


def _smooth(track: Tensor, frames: float) -> Tensor:
    """Average a track [T] under a Hann window of a full width of about `frames`; the ends are held."""
    half = max(1, round(frames / 2))
    window = torch.hann_window(2 * half + 1, periodic=False).to(track)[1:-1] if half > 1 else track.new_ones(3)
    reach = len(window) // 2
    padded = F.pad(track[None, None], (reach, reach), mode="replicate")
    return F.conv1d(padded, (window / window.sum())[None, None])[0, 0]


def _fade_weights(edit: TrackEdit, num_frames: int, frame_rate_hz: float) -> Tensor:
    """Return the edit's weight [T]: 0 outside of the range, 1 inside, raised cosines between, none at clip ends."""
    start, end = _frame_range(edit, num_frames, frame_rate_hz)
    fade = min(round(edit.fade_seconds * frame_rate_hz), (end - start) // 2)
    ramp = 0.5 - 0.5 * torch.cos(torch.pi * torch.arange(1, fade + 1) / (fade + 1))
    weight = torch.zeros(num_frames)
    weight[start:end] = 1
    if start > 0:
        weight[start : start + fade] = ramp
    if end < num_frames:
        weight[end - fade : end] = ramp.flip(0)
    return weight


def _frame_range(edit: TrackEdit, num_frames: int, frame_rate_hz: float) -> tuple[int, int]:
    """Return the first frame of the range and the one behind its last; at least one frame."""
    start = round((edit.start_seconds or 0.0) * frame_rate_hz)
    end = num_frames if edit.end_seconds is None else min(num_frames, round(edit.end_seconds * frame_rate_hz))
    start = min(start, num_frames - 1)
    return start, max(end, start + 1)


def _crossfade(before: Tensor, after: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of two values by weight; exactly one of them where the weight is 0 or 1."""
    between = before + weight * (after - before)
    return torch.where(weight == 1, after, torch.where(weight == 0, before, between))


def _check(latents: Tensor, edit: LatentEdit, statistics: LatentStatistics, frame_rate_hz: float) -> None:
    if latents.ndim != 2 or latents.shape[0] == 0:
        raise SettingsError(f"latents have shape {list(latents.shape)}; expected [T, Z] with at least one frame.")
    if not torch.isfinite(latents).all():
        raise SettingsError("latents have values that are not finite; analyse the recording again.")
    num_frames, dimensions = latents.shape
    if statistics.num_dimensions != dimensions:
        raise SettingsError(
            f"the statistics are of {statistics.num_dimensions} dimensions and the latents have {dimensions}; "
            "take those of the same bundle."
        )
    seconds = num_frames / frame_rate_hz
    for item in edit.edits:
        if isinstance(item, DimensionEdit) and item.dimension >= dimensions:
            raise SettingsError(
                f"dimension is {item.dimension}; this bundle's latents have dimensions 0 to {dimensions - 1}."
            )
        if isinstance(item, DirectionEdit) and len(item.vector) != dimensions:
            raise SettingsError(
                f"direction {item.name!r} has {len(item.vector)} entries; this bundle's latents have {dimensions}."
            )
        last = item.end_seconds if item.end_seconds is not None else item.start_seconds or 0.0
        if (item.start_seconds or 0.0) >= seconds or last > seconds + 1 / frame_rate_hz:
            raise SettingsError(
                f"the range {item.start_seconds or 0:g} to "
                f"{'the end' if item.end_seconds is None else f'{item.end_seconds:g} s'} lies outside of the clip, "
                f"which has {seconds:g} s. Choose a range within it."
            )
