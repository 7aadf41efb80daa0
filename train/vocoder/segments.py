"""Random waveform segments of a prepared corpus: the batch of step n follows from (seed, n), so runs resume."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import MelConfig
from undertone.train.data.flat_corpus import FlatCorpus, PreparedCorpus
from undertone.train.data.pool import Pool, is_sharded
from undertone.train.data.shard_stream import ShardStream, StreamSettings
from undertone.train.vocoder.recipe import VocoderRecipe

MARGIN_FRAMES = 2  # on each side: a mel frame's window reaches 1.6 frames beyond its centre


@dataclass(frozen=True)
class SegmentBatch:
    """Aligned pieces of mel and waveform; B segments of T frames."""

    log_mel: Tensor  # [B, T, M], natural log, computed with the true neighbourhood of the segment
    waveform: Tensor  # [B, T * hop]


class SegmentSource(Protocol):
    """Training segments by number."""

    def batch(self, step: int, size: int, part: int = 0) -> SegmentBatch:
        """Return micro-batch `part` of a step, over all processes; the same at every call."""
        ...


class RandomSegments:
    """Random segments, uniform over the corpus' samples, each with its own gain."""

    def __init__(
        self, corpus: FlatCorpus, mel: MelConfig, num_frames: int, gain_db: tuple[float, float], seed: int
    ) -> None:
        self.corpus, self.num_frames, self.gain_db, self.seed = corpus, num_frames, gain_db, seed
        self.hop_samples = mel.hop_samples
        self.log_mel = LogMel(mel)
        lengths = np.array([clip.num_samples for clip in corpus.clips], dtype=np.float64)
        self._ends = np.cumsum(lengths) / lengths.sum()

    def batch(self, step: int, size: int, part: int = 0) -> SegmentBatch:
        """Return the segments of one micro-batch of a step, on the CPU."""
        generator = np.random.default_rng([self.seed, step, part])
        wide = torch.stack([self._segment(generator) for _ in range(size)])
        cut = slice(MARGIN_FRAMES, MARGIN_FRAMES + self.num_frames)
        samples = slice(cut.start * self.hop_samples, cut.stop * self.hop_samples)
        return SegmentBatch(self.log_mel(wide)[:, cut], wide[:, samples].contiguous())

    def _segment(self, generator: np.random.Generator) -> Tensor:
        """Return one segment with its margins [samples], with a random gain; short clips are padded with silence."""
        number = int(np.searchsorted(self._ends, generator.random(), side="right"))
        clip = self.corpus.clips[min(number, len(self.corpus.clips) - 1)]
        needed = (self.num_frames + 2 * MARGIN_FRAMES) * self.hop_samples
        start = int(generator.integers(0, max(clip.num_samples - needed, 0) + 1))
        waveform = self.corpus.audio(clip, start, min(needed, clip.num_samples))
        gain = 10 ** (generator.uniform(*self.gain_db) / 20)
        peak = max(waveform.abs().max().item(), 1e-9)
        return torch.nn.functional.pad(waveform * min(gain, 0.99 / peak), (0, needed - len(waveform)))


class StreamedSegments:
    """Segments of shards: every part of a step has its own stream of pools, left after as many frames as it holds."""

    def __init__(self, settings: StreamSettings, num_frames: int, size: int, gain_db: tuple[float, float], parts: int):
        self.settings, self.num_frames, self.gain_db, self.parts = settings, num_frames, gain_db, parts
        self._frames_per_batch = num_frames * size
        self._streams: dict[int, ShardStream] = {}
        self._segments: dict[int, tuple[Pool, RandomSegments]] = {}

    def batch(self, step: int, size: int, part: int = 0) -> SegmentBatch:
        if part not in self._streams:
            self._streams[part] = ShardStream(self.settings, part, self.parts, self._plan)
        pool, _ = self._streams[part].batch(step)
        if part not in self._segments or self._segments[part][0] is not pool:
            mel, seed = self.settings.mel, self.settings.seed
            self._segments[part] = pool, RandomSegments(pool.corpus, mel, self.num_frames, self.gain_db, seed)
        return self._segments[part][1].batch(step, size, part)

    def _plan(self, lengths: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
        """Return as many batches as the pool's frames make; which segments they hold, `RandomSegments` decides."""
        return [np.empty(0, dtype=np.int64)] * max(1, int(lengths.sum()) // self._frames_per_batch)


def segment_source(recipe: VocoderRecipe, prepared: Path, parts: int) -> SegmentSource:
    """Return the source that fits the prepared folder; `parts` are the micro-batches of a step over all processes."""
    mel, frames = recipe.generator.mel, recipe.segment_frames
    if is_sharded(prepared):
        settings = StreamSettings(prepared, "train", mel, recipe.pool_shards, audio=True, seed=recipe.seed)
        return StreamedSegments(settings, frames, recipe.batch, recipe.gain_db, parts)
    return RandomSegments(PreparedCorpus(prepared, "train", mel), mel, frames, recipe.gain_db, recipe.seed)
