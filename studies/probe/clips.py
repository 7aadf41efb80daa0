"""Recordings to probe with: a corpus with a manifest, or any folder of recordings, analysed.

T frames at 50 Hz, N frames of all clips, Z latent dims.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from undertone.engine import AudioError, Engine, Speech
from undertone.engine.audio.reading import SUFFIXES
from undertone.studies.errors import MeasureError
from undertone.studies.measures.clusters import Cluster, cluster_of
from undertone.studies.measures.heldout import (
    MANIFEST,
    DurationRange,
    HeldOut,
    alternate_speakers,
    has_length,
    held_out_clips,
    read_trimmed,
)
from undertone.studies.probe.attributes import frame_attributes
from undertone.studies.probe.linear_probes import ProbeFrames, number_labels


@dataclass(frozen=True, eq=False)
class ProbeClips:
    """Clips that could be used, and the attributes of their frames."""

    speech: list[Speech]
    speakers: list[str]
    tracks: list[dict[str, Tensor]]  # of each clip, by frame attribute, [T]
    skipped: dict[str, str]  # clip to the reason

    @property
    def cluster(self) -> Cluster:
        """Return the unit of resampling: speakers where there are enough of them, else clips."""
        return cluster_of(self.speakers)

    @property
    def clusters(self) -> list[str]:
        """Return what each clip belongs to when clusters are resampled."""
        return self.speakers if self.cluster == "speaker" else [str(index) for index in range(len(self.speech))]

    @property
    def latents(self) -> Tensor:
        """Return the latents of all clips, [N, Z]."""
        return torch.cat([speech.latents for speech in self.speech])

    def frames(self, attribute: str) -> ProbeFrames:
        """Return the latents beside one attribute of all frames."""
        clips = np.repeat(np.arange(len(self.speech)), [speech.num_frames for speech in self.speech])
        values = torch.cat([tracks[attribute] for tracks in self.tracks]).double().numpy()
        return ProbeFrames.where_valid(
            self.latents.double().numpy(), values, clips, number_labels(self.clusters)[clips]
        )


def probe_clips(data: Path, split: str, num_clips: int, seconds: DurationRange, seed: int) -> list[HeldOut]:
    """Return clips in an order that alternates between the speakers.

    Args:
        data: folder with manifest.tsv, of which `split` is taken, or with recordings; a speaker is then a folder of
            its own, or a file where there are no folders.
        seconds: of the files; those outside are left out.
    Raises:
        MeasureError: there is nothing that fits.
    """
    if (data / MANIFEST).is_file():
        return held_out_clips(data, split, num_clips, seconds, seed)
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in SUFFIXES) if data.is_dir() else []
    clips = [HeldOut(path.relative_to(data).as_posix(), path, _speaker(path, data), "") for path in files]
    chosen = list(islice(alternate_speakers([clip for clip in clips if has_length(clip, seconds)], seed), num_clips))
    if not chosen:
        raise MeasureError(
            f"{data} has neither {MANIFEST} nor recordings of {seconds.shortest:g} to {seconds.longest:g} s "
            f"({', '.join(SUFFIXES)}); name a folder that does."
        )
    return chosen


def load_probe_clips(engine: Engine, clips: list[HeldOut], longest_seconds: float) -> ProbeClips:
    """Return the clips' beginnings, prepared as training prepares them, and their tracks.

    Raises:
        MeasureError: fewer than two clips can be used.
    """
    material = ProbeClips([], [], [], {})
    for clip in tqdm(clips, desc="analysis"):
        waveform = read_trimmed(engine, clip)
        seconds = min(longest_seconds, waveform.numel() / engine.sample_rate_hz)
        try:
            speech = engine.analyse(waveform, engine.sample_rate_hz, 0.0, seconds)
        except AudioError as error:
            material.skipped[clip.clip_id] = str(error)
            continue
        mel = engine.bundle.config.model.mel
        samples = speech.num_frames * mel.hop_samples
        padded = F.pad(speech.audio, (0, samples - speech.audio.numel()))
        material.speech.append(speech)
        material.speakers.append(clip.speaker)
        material.tracks.append(frame_attributes(padded, speech.tokens, mel))
    if len(material.speech) < 2:
        reasons = "; ".join(f"{clip}: {reason}" for clip, reason in list(material.skipped.items())[:3])
        raise MeasureError(
            f"{len(material.speech)} of {len(clips)} clips can be used, at least 2 are needed. {reasons}"
        )
    return material


def _speaker(path: Path, data: Path) -> str:
    parts = path.relative_to(data).parts
    return parts[0] if len(parts) > 1 else path.stem
