"""Random waveform segments of a prepared corpus: the batch of step n follows from (seed, n), so runs resume."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.config import MelConfig
from engine.mel import LogMel
from train.prepare import PreparedCorpus

MARGIN_FRAMES = 2  # on each side: a mel frame's window reaches 1.6 frames beyond its centre


@dataclass(frozen=True)
class SegmentBatch:
    """Aligned pieces of mel and waveform; B segments of T frames."""

    log_mel: Tensor  # [B, T, M], natural log, computed with the true neighbourhood of the segment
    waveform: Tensor  # [B, T * hop]


class Segments:
    """Draws segments uniformly over the corpus' samples, each with its own gain."""

    def __init__(
        self, corpus: PreparedCorpus, mel: MelConfig, num_frames: int, gain_db: tuple[float, float], seed: int
    ) -> None:
        self.corpus, self.num_frames, self.gain_db, self.seed = corpus, num_frames, gain_db, seed
        self.hop_samples = mel.hop_samples
        self.log_mel = LogMel(mel)
        lengths = np.array([clip.num_samples for clip in corpus.clips], dtype=np.float64)
        self._ends = np.cumsum(lengths) / lengths.sum()

    def batch(self, step: int, size: int, rank: int = 0) -> SegmentBatch:
        """The segments of one step of one process, on the CPU."""
        generator = np.random.default_rng([self.seed, step, rank])
        wide = torch.stack([self._segment(generator) for _ in range(size)])
        cut = slice(MARGIN_FRAMES, MARGIN_FRAMES + self.num_frames)
        samples = slice(cut.start * self.hop_samples, cut.stop * self.hop_samples)
        return SegmentBatch(self.log_mel(wide)[:, cut], wide[:, samples].contiguous())

    def _segment(self, generator: np.random.Generator) -> Tensor:
        """One segment with its margins [samples], with a random gain; short clips are padded with silence."""
        number = int(np.searchsorted(self._ends, generator.random(), side="right"))
        clip = self.corpus.clips[min(number, len(self.corpus.clips) - 1)]
        needed = (self.num_frames + 2 * MARGIN_FRAMES) * self.hop_samples
        start = int(generator.integers(0, max(clip.num_samples - needed, 0) + 1))
        waveform = self.corpus.audio(clip, start, min(needed, clip.num_samples))
        gain = 10 ** (generator.uniform(*self.gain_db) / 20)
        peak = max(waveform.abs().max().item(), 1e-9)
        return torch.nn.functional.pad(waveform * min(gain, 0.99 / peak), (0, needed - len(waveform)))
