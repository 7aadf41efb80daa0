"""Stored unit ids, one per mel frame."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_arrays import rows_of_clip
from undertone.train.data.flat_files import Clip

MISSING = 0xFFFF  # where a tokenizer gives fewer frames than the mel has: the mel is cut to the tokens (spec 1.4)


class UnitIds:
    """Ids of clips that lie end to end, on disk or in memory."""

    def __init__(self, ids: np.ndarray, path: Path | None = None) -> None:
        self._ids = ids  # uint16 [frames]
        self._path = path

    def tokens(self, clip: Clip, start: int = 0, count: int | None = None) -> Tensor:
        """Return the tokens int64 [frames] of a clip, or of `count` frames from `start`."""
        return torch.from_numpy(rows_of_clip(self._ids, self._path, clip, start, count).astype(np.int64))

    def count(self, clip: Clip) -> int:
        """Return how many frames of a clip have a token; what is missing is missing at its end."""
        ids = rows_of_clip(self._ids, self._path, clip)
        end = len(ids)
        while end and ids[end - 1] == MISSING:
            end -= 1
        return end


class TokenFile(UnitIds):
    """Memory-mapped unit ids of a prepared folder."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. Assign tokens first: `undertone tokens`.")
        super().__init__(np.memmap(path, dtype=np.uint16, mode="r"), path)
