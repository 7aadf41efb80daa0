"""Stored unit ids, one per mel frame."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from train.corpora.source import CorpusError
from train.prepare import Clip

MISSING = 0xFFFF  # where a tokenizer gives fewer frames than the mel has: the mel is cut to the tokens (spec 1.4)


class UnitIds:
    """Ids of clips that lie end to end, on disk or in memory."""

    def __init__(self, ids: np.ndarray) -> None:
        self._ids = ids  # uint16 [frames]

    def tokens(self, clip: Clip, start: int = 0, count: int | None = None) -> Tensor:
        """Return the tokens int64 [frames] of a clip, or of `count` frames from `start`."""
        count = clip.num_frames - start if count is None else count
        begin = clip.frame_offset + start
        return torch.from_numpy(self._ids[begin : begin + count].astype(np.int64))

    def count(self, clip: Clip) -> int:
        """Return how many frames of a clip have a token; what is missing is missing at its end."""
        end = clip.frame_offset + clip.num_frames
        while end > clip.frame_offset and self._ids[end - 1] == MISSING:
            end -= 1
        return end - clip.frame_offset


class TokenFile(UnitIds):
    """Memory-mapped unit ids of a prepared folder."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. Assign tokens first: `undertone tokens`.")
        super().__init__(np.memmap(path, dtype=np.uint16, mode="r"))
