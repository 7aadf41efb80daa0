"""F0 of prepared clips, a training target for latents: `pitch.f16` beside flat mels, one value per frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from undertone.engine.audio.pitch import pitch
from undertone.engine.worker_pool import map_in_workers
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_arrays import rows_of_clip, update_rows
from undertone.train.data.flat_corpus import PreparedCorpus, read_index
from undertone.train.data.flat_files import Clip
from undertone.train.data.pool import is_sharded

FILE = "pitch.f16"
UNVOICED_HZ = 0.0  # NaN: the clip was not measured


class PitchFile:
    """Memory-mapped F0 of a prepared folder."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. `undertone.train.model.pitch_targets.assign_pitch` measures it.")
        self._path, self._hz = path, np.memmap(path, dtype=np.float16, mode="r")

    def hz(self, clip: Clip, start: int = 0, count: int | None = None) -> Tensor:
        """Return F0 float32 [frames] in Hz, 0 where unvoiced and NaN where the clip was not measured."""
        return torch.from_numpy(rows_of_clip(self._hz, self._path, clip, start, count).astype(np.float32))


def assign_pitch(prepared: Path, share_of_clips: float = 0.3, seed: int = 0, workers: int = 2) -> Path:
    """Measure a random share of the train clips and every dev clip; done once, and for clips that were added.

    CREPE takes a core about as long as a twentieth of the sound. A share will do, since what the latents have to learn
    is the same for every clip; with all of nine hours log F0 was read with a fifth of the error.

    Raises:
        CorpusError: the folder is in shards, where pitch is not kept.
    """
    if is_sharded(prepared):
        raise CorpusError(f"{prepared} is in shards, which hold no pitch; set pitch_weight to 0 or prepare flat files")
    clips = read_index(prepared)
    drawn = np.random.default_rng(seed).random(len(clips)) < share_of_clips  # alike for clips that are there already
    chosen = {clip.clip_id for clip, wanted in zip(clips, drawn, strict=True) if wanted or clip.split == "dev"}

    def rows(some: Sequence[Clip]) -> Iterator[tuple[Clip, np.ndarray]]:
        measured = [clip for clip in some if clip.clip_id in chosen]
        found = map_in_workers(_PitchTask, (prepared,), measured, workers, chunk_size=8)
        yield from zip(measured, tqdm(found, total=len(measured), desc="pitch"), strict=True)

    return update_rows(prepared / FILE, clips, np.float16, np.nan, rows)


class _PitchTask:
    """Task of a worker: F0 of the clips of a prepared folder."""

    def __init__(self, prepared: Path) -> None:
        self._corpus = PreparedCorpus(prepared)

    def __call__(self, clip: Clip) -> np.ndarray:
        """Return F0 float16 [T] of a clip in Hz, one value for every frame of its mel."""
        hz = pitch(self._corpus.audio(clip)).hz.nan_to_num(UNVOICED_HZ)[: clip.num_frames]
        return np.pad(hz.numpy(), (0, clip.num_frames - len(hz))).astype(np.float16)
