"""Files and folders that appear whole or not at all, whatever ends the writing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; at the end of the block it becomes `path`, after an error nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _beside(path) as folder:
        unfinished = folder / path.name
        yield unfinished
        unfinished.replace(path)


def write_whole(path: Path, text: str) -> Path:
    """Write a text file in UTF-8, whole or not at all, and return its path."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return path


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk, so that a new file's name survives a power cut.

    Windows opens no folder, and writes its entries by itself.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def whole_folder(folder: Path, replace: bool = False) -> Iterator[Path]:
    """Yield a folder to write files into; at the end of the block they lie in `folder`, after an error none does.

    Args:
        replace: a folder that is there goes as a whole; else it keeps its other files, and only those of the same
            names are replaced.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _beside(folder) as room:
        unfinished = room / folder.name
        unfinished.mkdir()
        yield unfinished
        if not folder.exists():
            unfinished.rename(folder)
            return
        if replace:
            _swap(unfinished, folder, room / "before")
            return
        for path in sorted(unfinished.iterdir()):
            path.replace(folder / path.name)


def _swap(unfinished: Path, folder: Path, aside: Path) -> None:
    """Put a finished folder in the place of another, which is set aside and comes back if that fails."""
    folder.replace(aside)
    try:
        unfinished.replace(folder)
    except OSError:
        aside.replace(folder)
        raise


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield a temporary folder on the same disk, where a file can take its name in one step."""
    room = Path(tempfile.mkdtemp(prefix=f".{path.name}.unfinished-", dir=path.parent))
    room.chmod(0o755)  # what is written in it is as readable as anything else that this user writes
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
