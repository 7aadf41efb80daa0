"""Edits of durations: stretches spoken faster or slower, and pauses. T frames at 50 Hz, Z latent dims.

All times are those of the frames as they were before, so that edits do not move each other, and those of latents keep
their places. Frames are repeated or left out within a phone, of which at least one stays; latents are interpolated.
Frames of phones that no edit touches keep their bits. Where stretches overlap, their factors are multiplied.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from undertone.engine.config import FRAME_RATE_HZ, Config, HubertConfig, TokenizerConfig
from undertone.engine.errors import SettingsError
from undertone.engine.files.validation import validate_values
from undertone.engine.prosody.edit import Seconds
from undertone.engine.prosody.morph import DecoderFrames
from undertone.engine.tokenizers import PARTS_OF_PHONE

LEAST_FACTOR, MOST_FACTOR = 0.25, 4.0
LONGEST_PAUSE_SECONDS = 3.0
LONGEST_SECONDS = 60.0  # of all that edits make longer, or `MOST_FACTOR` times what it was
PAUSE_FADE_FRAMES = 2  # at each end of a pause the latents go over from speech to silence
SILENT_UNIT = 1  # the middle of silence, where units are parts of phones


class Stretch(Config):
    """Change of the speaking rate between two times."""

    kind: Literal["stretch"] = "stretch"
    factor: Annotated[float, Field(ge=LEAST_FACTOR, le=MOST_FACTOR)]  # of the duration: 2 is half as fast
    start_seconds: Seconds
    end_seconds: Seconds

    @model_validator(mode="after")
    def _range_has_length(self) -> "Stretch":
        if self.end_seconds <= self.start_seconds:
            raise ValueError(f"end_seconds {self.end_seconds:g} must lie behind start_seconds {self.start_seconds:g}")
        return self


class Pause(Config):
    """Silence that is put in at a time."""

    kind: Literal["pause"] = "pause"
    at_seconds: Seconds
    seconds: Annotated[float, Field(gt=0, le=LONGEST_PAUSE_SECONDS)]


DurationChange = Annotated[Stretch | Pause, Field(discriminator="kind")]


class DurationEdit(Config):
    """Changes of an utterance's durations."""

    changes: tuple[DurationChange, ...] = ()

    @classmethod
    def of(cls, **values: Any) -> "DurationEdit":
        """Return the edit that loose values describe.

        Raises:
            SettingsError: naming the setting, its value and its range.
        """
        return validate_values(cls, values, "duration edit", SettingsError)

    @property
    def is_identity(self) -> bool:
        """Return whether nothing would change."""
        return all(isinstance(change, Stretch) and change.factor == 1.0 for change in self.changes)

    def __add__(self, other: "DurationEdit") -> "DurationEdit":
        return DurationEdit(changes=self.changes + other.changes)


def apply_durations(
    frames: DecoderFrames, edit: DurationEdit, tokenizer: TokenizerConfig, frame_rate_hz: float = FRAME_RATE_HZ
) -> DecoderFrames:
    """Return the frames with other durations; the very same where the edit changes nothing.

    Args:
        tokenizer: that made the tokens.
    Raises:
        SettingsError: a time behind the end, a pause for a tokenizer that has no unit of silence, or too long a sound.
    """
    if edit.is_identity:
        return frames
    num_frames = frames.tokens.shape[0]
    _check(edit, num_frames / frame_rate_hz)
    phone_of = _phones(tokenizer)
    if phone_of is None and any(isinstance(change, Pause) for change in edit.changes):
        raise SettingsError("this model's tokens have no silence of their own, so no pause can be put in.")
    groups = frames.tokens if phone_of is None else phone_of(frames.tokens)
    weights = _weights(edit, num_frames, frame_rate_hz)
    _check_length(edit, weights, frame_rate_hz)
    places = _source_places(groups, weights)
    index = places.floor().long().clamp(0, num_frames - 1)
    stretched = replace(
        frames, tokens=frames.tokens[index], latents=_interpolate(frames.latents, places), latents_logstd=None
    )
    for change in sorted(
        (change for change in edit.changes if isinstance(change, Pause)), key=lambda one: one.at_seconds, reverse=True
    ):
        place = int((places < change.at_seconds * frame_rate_hz).sum())
        stretched = _with_pause(stretched, place, round(change.seconds * frame_rate_hz), frames)
    return stretched


def _check(edit: DurationEdit, seconds: float) -> None:
    for change in edit.changes:
        at = change.at_seconds if isinstance(change, Pause) else change.start_seconds
        if at > seconds or (isinstance(change, Stretch) and at == seconds):
            raise SettingsError(f"a {change.kind} begins at {at:g} s, but there are {seconds:.2f} s.")


def _check_length(edit: DurationEdit, weights: Tensor, frame_rate_hz: float) -> None:
    """Check how long it would become before anything of it is made: factors that overlap multiply."""
    pauses = sum(change.seconds for change in edit.changes if isinstance(change, Pause))
    seconds = float(weights.sum()) / frame_rate_hz + pauses
    most = max(LONGEST_SECONDS, MOST_FACTOR * len(weights) / frame_rate_hz)
    if not seconds <= most:
        raise SettingsError(f"with these durations it would be {seconds:.4g} s long; it can be {most:.4g} s.")


def _phones(tokenizer: TokenizerConfig) -> Callable[[Tensor], Tensor] | None:
    """Return what gives the phone of each unit; None where units are no parts of known phones."""
    if isinstance(tokenizer, HubertConfig) or not tokenizer.phone_parts or not tokenizer.phone_parts.phones:
        return None
    return lambda tokens: tokens // PARTS_OF_PHONE


def _weights(edit: DurationEdit, num_frames: int, frame_rate_hz: float) -> Tensor:
    """Return the factor of every frame's duration, float64 [T]."""
    weights = torch.ones(num_frames, dtype=torch.float64)
    for change in edit.changes:
        if isinstance(change, Stretch):
            start = min(round(change.start_seconds * frame_rate_hz), num_frames - 1)
            end = max(start + 1, round(change.end_seconds * frame_rate_hz))
            weights[start:end] *= change.factor
    return weights


def _source_places(groups: Tensor, weights: Tensor) -> Tensor:
    """Return where in the old frames the middle of each new frame lies, float64.

    Each run of one phone and one factor becomes a whole number of frames; what rounding takes from one is given to
    the next, so that a stretch is as long as was asked for.
    """
    changes = (groups[1:] != groups[:-1]) | (weights[1:] != weights[:-1])
    ends = [*(changes.nonzero().flatten() + 1).tolist(), len(groups)]
    places, start, owed = [], 0, 0.0
    for end in ends:
        factor, length = float(weights[start]), end - start
        wanted = length * factor + (owed if factor != 1.0 else 0.0)
        count = length if factor == 1.0 else max(1, round(wanted))
        owed = owed if factor == 1.0 else wanted - count
        places.append(start + (torch.arange(count, dtype=torch.float64) + 0.5) * length / count)
        start = end
    return torch.cat(places)


def _interpolate(latents: Tensor, places: Tensor) -> Tensor:
    """Return latents [T, Z] between frames, whose middles lie at half numbers; a frame's own middle keeps its bits."""
    at = (places - 0.5).clamp(0, latents.shape[0] - 1)
    low = at.floor().long()
    high = (low + 1).clamp_max(latents.shape[0] - 1)
    share = (at - low).to(latents)[:, None]
    return torch.where(share == 0, latents[low], torch.lerp(latents[low], latents[high], share))


def _with_pause(frames: DecoderFrames, place: int, length: int, source: DecoderFrames) -> DecoderFrames:
    """Return the frames with a pause before frame `place`: silent units, with the latents of the recording's silence.

    Where the recording has no silence, the latents go over from one side to the other.
    """
    length = max(1, length)
    before = frames.latents[max(0, place - 1)]
    after = frames.latents[min(place, frames.latents.shape[0] - 1)]
    across = ((torch.arange(length) + 0.5) / length).to(before)[:, None]
    latents = torch.lerp(before.expand(length, -1), after.expand(length, -1), across)
    silent = source.tokens < PARTS_OF_PHONE
    if silent.any():
        near = torch.minimum(torch.arange(length), torch.arange(length).flip(0)) + 1
        share = (near / (PAUSE_FADE_FRAMES + 1)).clamp_max(1).to(before)[:, None]
        latents = torch.lerp(latents, source.latents[silent].mean(0).expand(length, -1), share)
    units = torch.full((length,), SILENT_UNIT, dtype=frames.tokens.dtype)
    return replace(
        frames,
        tokens=torch.cat([frames.tokens[:place], units, frames.tokens[place:]]),
        latents=torch.cat([frames.latents[:place], latents, frames.latents[place:]]),
    )
