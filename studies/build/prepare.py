"""Prepare clips for raters: cut to one length, faded, levelled to one loudness, encoded without tags, and checked."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undertone.engine.audio.reading import SAMPLE_RATE_HZ
from undertone.studies.build.levels import ClipLevel, LoudnessTarget, Samples, common_target, measure_level, to_level
from undertone.studies.build.media import decode, encode_sound, metadata_blocks, pad_to_equal_size
from undertone.studies.design.errors import DesignError
from undertone.studies.design.sources import Preparation
from undertone.studies.store.columns import new_id
from undertone.studies.store.tables import StimulusKind

LOUDNESS_TOLERANCE_LU = 0.2  # after rounding to 16 bit
PEAK_TOLERANCE_DB = 0.1


@dataclass(frozen=True, eq=False)
class RawClip:
    """A sound of the study before it is levelled.

    Attributes:
        system: what is judged; None for a sound from outside.
        prompt: likewise.
        expected: `{"answers": {scale: {"value", "tolerance"}}, "feedback": text}` of a known item.
    """

    kind: StimulusKind
    waveform: Tensor  # [samples] at 16 kHz
    provenance: dict[str, Any]
    system: str | None = None
    prompt: str | None = None
    expected: dict[str, Any] | None = None

    @property
    def label(self) -> str:
        """Return the clip's name in messages to the people who make the study."""
        told = self.provenance.get("file", "")
        return " ".join([f"{self.kind} clip", *filter(None, (self.system, self.prompt, str(told)))])


@dataclass(frozen=True, eq=False)
class PreparedClip:
    """An encoded and checked sound file."""

    clip: RawClip
    data: bytes
    seconds: float
    level: ClipLevel
    id: str = field(default_factory=new_id)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def trim_to_shortest(clips: list[RawClip], preparation: Preparation) -> list[RawClip]:
    """Cut all systems of a prompt to the shortest of them, so that length says nothing about the system.

    Raises:
        DesignError: what is left is shorter than the study allows; it names the clip.
    """
    shortest: dict[str, RawClip] = {}
    for clip in clips:
        if clip.kind == "main" and clip.prompt is not None:
            shortest[clip.prompt] = min(shortest.get(clip.prompt, clip), clip, key=lambda one: len(one.waveform))
    for clip in [*shortest.values(), *(clip for clip in clips if clip.kind != "main")]:
        seconds = len(clip.waveform) / SAMPLE_RATE_HZ
        if seconds < preparation.min_seconds:
            raise DesignError(
                f"{clip.label} is {seconds:.2f} s long; at least {preparation.min_seconds:g} s are needed. "
                "Use another sampling or prompt, or lower preparation.min_seconds."
            )
    if not preparation.equal_length:
        return clips
    return [
        _shorten(clip, len(shortest[clip.prompt].waveform)) if clip.kind == "main" and clip.prompt else clip
        for clip in clips
    ]


def prepare_clips(clips: list[RawClip], preparation: Preparation) -> tuple[list[PreparedClip], LoudnessTarget]:
    """Fade, level, encode and check every clip.

    Raises:
        DesignError: a clip is silent, too short, or beyond the ceiling; it names the clip.
    """
    faded = [fade_ends(clip.waveform, preparation.fade_seconds) for clip in clips]
    levels = [_measure_clip(clip, samples) for clip, samples in zip(clips, faded, strict=True)]
    by_label = {clip.label: level for clip, level in zip(clips, levels, strict=True)}
    target = common_target(by_label, preparation.loudness_lufs, preparation.true_peak_dbtp, preparation.on_peak)
    files = pad_to_equal_size(
        [
            encode_sound(to_level(samples, level, target.loudness_lufs), SAMPLE_RATE_HZ, preparation.format)
            for samples, level in zip(faded, levels, strict=True)
        ]
    )
    made = [
        _check_file(clip, data, len(samples), target, preparation)
        for clip, data, samples in zip(clips, files, faded, strict=True)
    ]
    return made, target


def fade_ends(waveform: Tensor, seconds: float) -> Samples:
    """Apply raised-cosine ramps at both ends, so that a cut does not click."""
    samples = waveform.double().numpy().copy()
    length = min(round(seconds * SAMPLE_RATE_HZ), len(samples) // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
    return samples


def join_pair(first: Tensor, second: Tensor, pause_seconds: float) -> Tensor:
    """Concatenate two equally loud clips with a pause between them: one item of an A/B study."""
    pause = torch.zeros(round(pause_seconds * SAMPLE_RATE_HZ))
    parts = [torch.from_numpy(_to_study_loudness(fade_ends(part, 0.01))).float() for part in (first, second)]
    return torch.cat([parts[0], pause, parts[1]])


def splice_instruction(clip: Tensor, instruction: Tensor, after_seconds: float) -> Tensor:
    """Build a trap: the beginning of a clip, the instruction equally loud, and what is left of the clip's length.

    Raises:
        DesignError: the instruction does not fit into the clip.
    """
    start = round(after_seconds * SAMPLE_RATE_HZ)
    left = len(clip) - start - len(instruction)
    if left < 0:
        raise DesignError(
            f"an instruction of {len(instruction) / SAMPLE_RATE_HZ:.1f} s after {after_seconds:g} s does not fit into "
            f"a clip of {len(clip) / SAMPLE_RATE_HZ:.1f} s. Lower after_seconds or cut the instruction."
        )
    parts = [clip[:start], instruction, clip[len(clip) - left :] if left else clip[:0]]
    level = measure_level(clip.double().numpy(), SAMPLE_RATE_HZ).loudness_lufs
    spoken = to_level(fade_ends(parts[1], 0.02), _measure(parts[1]), level)
    ends = [torch.from_numpy(fade_ends(part, 0.02)).float() for part in (parts[0], parts[2])]
    return torch.cat([ends[0], torch.from_numpy(spoken).float(), ends[1]])


def _measure(waveform: Tensor) -> ClipLevel:
    return measure_level(waveform.double().numpy(), SAMPLE_RATE_HZ)


def _to_study_loudness(samples: Samples) -> Samples:
    return to_level(samples, measure_level(samples, SAMPLE_RATE_HZ), -23.0)


def _shorten(clip: RawClip, length: int) -> RawClip:
    return RawClip(clip.kind, clip.waveform[:length], clip.provenance, clip.system, clip.prompt, clip.expected)


def _measure_clip(clip: RawClip, samples: Samples) -> ClipLevel:
    if not np.isfinite(samples).all():
        raise DesignError(f"{clip.label} has samples that are not numbers.")
    try:
        level = measure_level(samples, SAMPLE_RATE_HZ)
    except DesignError as error:
        raise DesignError(f"{clip.label}: {error}") from error
    if not np.isfinite(level.loudness_lufs):
        raise DesignError(f"{clip.label} is silent. Use another seed, sampling or recording.")
    return level


def _check_file(
    clip: RawClip, data: bytes, length: int, target: LoudnessTarget, preparation: Preparation
) -> PreparedClip:
    """Read back what will be served, and measure that."""
    samples, sample_rate_hz = decode(data)
    level = measure_level(samples, sample_rate_hz)
    wrong = [
        (len(samples) != length or sample_rate_hz != SAMPLE_RATE_HZ, "another length"),
        (abs(level.loudness_lufs - target.loudness_lufs) > LOUDNESS_TOLERANCE_LU, f"{level.loudness_lufs:.2f} LUFS"),
        (level.true_peak_dbtp > preparation.true_peak_dbtp + PEAK_TOLERANCE_DB, f"{level.true_peak_dbtp:.2f} dBTP"),
        (bool(metadata_blocks(data)), f"metadata {metadata_blocks(data)}"),
    ]
    found = [what for is_wrong, what in wrong if is_wrong]
    if found:
        raise DesignError(f"{clip.label}: the file that was written has {', '.join(found)}.")
    return PreparedClip(clip, data, length / SAMPLE_RATE_HZ, level)
