"""Flat files of a prepared folder, opened for reading."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from undertone.engine.config import MelConfig
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_files import AUDIO, INDEX, MEL, Clip


def read_index(folder: Path) -> list[Clip]:
    """Return the clips of a prepared folder, in the order of its flat files.

    Raises:
        CorpusError: no prepared folder.
    """
    path = folder / INDEX
    if not path.is_file():
        raise CorpusError(f"{folder} is not a prepared corpus: it has no {INDEX}. Run `undertone prepare` first.")
    return [Clip(**json.loads(line)) for line in path.read_text().splitlines()]


def clips_of(clips: Iterable[Clip], split: str) -> Iterator[Clip]:
    """Return the clips of one split."""
    return (clip for clip in clips if clip.split == split)


class FlatCorpus:
    """Audio and mels of clips that lie end to end, on disk or in memory."""

    def __init__(self, clips: Sequence[Clip], audio: np.ndarray, mel: np.ndarray) -> None:
        self.clips = list(clips)
        self._audio = audio  # int16 [samples]
        self._mel = mel  # float16 [frames, M], natural log

    def audio(self, clip: Clip, start: int = 0, count: int | None = None) -> torch.Tensor:
        """Return float32 [samples] of a clip, or of `count` samples from `start`."""
        count = clip.num_samples - start if count is None else count
        begin = clip.sample_offset + start
        return torch.from_numpy(self._audio[begin : begin + count].astype(np.float32) / 32767)

    def mel(self, clip: Clip, start: int = 0, count: int | None = None) -> torch.Tensor:
        """Return the natural-log mel float32 [frames, M] of a clip, or of `count` frames from `start`."""
        count = clip.num_frames - start if count is None else count
        begin = clip.frame_offset + start
        return torch.from_numpy(self._mel[begin : begin + count].astype(np.float32))


class PreparedCorpus(FlatCorpus):
    """Memory-mapped audio and mels of a prepared folder.

    Args:
        split: whose clips are listed; None for those of all splits.
        mel: sizes of the stored mels.
    Raises:
        CorpusError: no clips of the split.
    """

    def __init__(self, folder: Path, split: str | None = None, mel: MelConfig = MelConfig()) -> None:
        clips = read_index(folder)
        if split is not None:
            clips = list(clips_of(clips, split))
        if not clips:
            raise CorpusError(f"{folder} has no clips of the split {split!r}")
        super().__init__(clips, np.memmap(folder / AUDIO, dtype=np.int16, mode="r"), stored_mel(folder, mel))


def stored_mel(folder: Path, mel: MelConfig = MelConfig()) -> np.ndarray:
    """Return the memory-mapped natural-log mels of a prepared folder, float16 [frames, M]."""
    return np.memmap(folder / MEL, dtype=np.float16, mode="r").reshape(-1, mel.num_mels)
