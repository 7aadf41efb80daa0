"""Resynthesise held-out clips with shifted latents and measure how the sound changes.

K variants of a clip as one batch, T frames at 50 Hz, Z latent dims, M mel bins, S utterance dims.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertone.engine import Engine, Sampling, Speech
from undertone.engine.audio.mel import denormalise
from undertone.engine.config import MelConfig
from undertone.engine.generation.decode import FrameNoise, decode_mel
from undertone.engine.noise import NormalNoise
from undertone.engine.probe import LatentStatistics
from undertone.engine.prosody import LatentEdit, apply_edit
from undertone.engine.worker_pool import map_in_processes
from undertone.studies.probe.attributes import analyse_tracks, attribute_changes

BATCH = 8  # variants decoded together: a quarter faster than one by one on a CPU
Changes = dict[str, float]  # by attribute, without those that could not be told


@dataclass(frozen=True, eq=False)
class SweepJob:
    """A clip's reconstruction and its variants, for a process that measures."""

    before: NDArray[np.float32]  # [samples]
    after: NDArray[np.float32]  # [K, samples]
    mel: MelConfig


class SharedNoise:
    """The same draws for every row of a batch, so that variants differ by their latents alone."""

    def __init__(self, noise: NormalNoise, rows: int) -> None:
        self.noise = noise
        self.rows = rows

    def normal(self, *shape: int) -> Tensor:
        """Return N(0, 1) of shape [K, T, M]."""
        return self.noise.normal(1, *shape[1:]).expand(self.rows, -1, -1)


def sweep(
    engine: Engine,
    clips: Sequence[Speech],
    edits: Sequence[LatentEdit],
    statistics: LatentStatistics,
    sampling: Sampling,
    seed: int,
    workers: int,
) -> Iterator[list[Changes]]:
    """Measure, for every clip, what each edit changes against the clip's reconstruction.

    Args:
        seed: of the decoder's noise; clip i has seed + i.
        workers: processes that measure; 0 measures in this one.
    """

    def jobs() -> Iterator[SweepJob]:
        for index, speech in enumerate(clips):
            variants = [speech.latents, *(apply_edit(speech.latents, edit, statistics) for edit in edits)]
            sounds = render_sweep(engine, speech, variants, sampling, seed + index).numpy()
            yield SweepJob(sounds[0], sounds[1:], engine.bundle.config.model.mel)

    yield from map_in_processes(measure_sweep, jobs(), workers)


def measure_sweep(job: SweepJob) -> list[Changes]:
    """Return what each variant of a clip changes."""
    before = analyse_tracks(torch.from_numpy(job.before), job.mel)
    return [attribute_changes(before, analyse_tracks(torch.from_numpy(sound), job.mel)) for sound in job.after]


@torch.inference_mode()
def render_sweep(
    engine: Engine, speech: Speech, variants: Sequence[Tensor], sampling: Sampling, seed: int, batch: int = BATCH
) -> Tensor:
    """Return samples [K, samples] of the clip with each of the latents [T, Z], decoded whole and in batches."""
    bundle, mel = engine.bundle, engine.bundle.config.model.mel
    tokens, utterance = speech.tokens.to(engine.device)[None], speech.utterance.to(engine.device)[None]
    sounds = []
    for start in range(0, len(variants), batch):
        latents = torch.stack(list(variants[start : start + batch])).to(engine.device)
        rows = latents.shape[0]
        noise = SharedNoise(FrameNoise(seed, 0, speech.num_frames, engine.device), rows)
        voices = utterance.expand(rows, -1)
        frames = decode_mel(
            bundle.model, tokens.expand(rows, -1), latents, voices, sampling, noise, student=bundle.student
        )
        sounds.append(bundle.vocoder(denormalise(frames, mel)).float().cpu())
    return torch.cat(sounds)
