"""Arrays that hold one row for every frame of the flat files, and grow with them when splits are added."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_files import Clip
from undertone.train.data.processes import share, wait_for


def count_frames(clips: Sequence[Clip]) -> int:
    """Return how many frames the flat files hold."""
    return clips[-1].frame_offset + clips[-1].num_frames


def rows_of_clip(
    array: np.ndarray, path: Path | None, clip: Clip, start: int = 0, count: int | None = None
) -> np.ndarray:
    """Return the rows of a clip, or `count` rows from its frame `start`.

    Raises:
        CorpusError: the array ends before the clip does.
    """
    begin = clip.frame_offset + start
    end = begin + (clip.num_frames - start if count is None else count)
    if end > len(array):
        raise CorpusError(
            f"{path or 'the array'} ends at frame {len(array)}, and clip {clip.clip_id} at {end}: clips were added to "
            "the prepared folder since. Run the stage that wrote the file again; it goes on where the file ends."
        )
    return array[begin:end]


def update_rows(
    path: Path,
    clips: Sequence[Clip],
    dtype: DTypeLike,
    empty: float,
    rows: Callable[[Sequence[Clip]], Iterator[tuple[Clip, np.ndarray]]],
    row_shape: tuple[int, ...] = (),
) -> Path:
    """Write one row for every frame; where clips were added since the last call, only theirs are made.

    Of several processes the first writes, the others wait.

    Args:
        path: the file.
        clips: index of the prepared folder, in the order of the flat files.
        empty: where a clip has no row.
        rows: makes the rows of the clips that it is given, of all or some of them.
        row_shape: of one row; a number by default.
    """
    shape = (count_frames(clips), *row_shape)
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if share().is_first and not (path.is_file() and path.stat().st_size == num_bytes):
        _write(path, clips, shape, dtype, empty, rows)
    wait_for(path, num_bytes=num_bytes)
    return path


def _write(
    path: Path,
    clips: Sequence[Clip],
    shape: tuple[int, ...],
    dtype: DTypeLike,
    empty: float,
    rows: Callable[[Sequence[Clip]], Iterator[tuple[Clip, np.ndarray]]],
) -> None:
    partial = path.with_suffix(".partial")
    array = np.memmap(partial, dtype=dtype, mode="w+", shape=shape)
    array[:] = empty
    before = 0
    if path.is_file():
        kept = np.memmap(path, dtype=dtype, mode="r").reshape(-1, *shape[1:])
        if len(kept) < len(array):  # a longer one belongs to other clips
            before = len(kept)
            array[:before] = kept
    for clip, found in rows([clip for clip in clips if clip.frame_offset >= before]):
        array[clip.frame_offset : clip.frame_offset + len(found)] = found
    array.flush()
    partial.replace(path)
