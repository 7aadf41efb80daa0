"""Temporary folder of a server, locked while it is in use; the folder of a killed server is removed by the next."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "undertone-"
LOCK = "in-use.lock"  # locked by the server for as long as it lives, whatever ends it


@contextmanager
def work_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder that only this user can read; it is removed at the end.

    Folders of servers that were killed are removed first: recordings of visitors lie in them.

    Args:
        parent: in which it is made; None is the system's folder for temporary files.
    """
    place = (parent or Path(tempfile.gettempdir())).resolve()
    remove_abandoned_folders(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    try:
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_folders(place: Path) -> list[Path]:
    """Remove the folders that no living server holds, and return them.

    Only folders of this user with a lock file of ours are looked at; one without is somebody else's, or is being made.
    """
    return [folder for folder in sorted(place.glob(f"{PREFIX}*")) if _is_ours(folder) and _remove_if_unlocked(folder)]


def _is_ours(folder: Path) -> bool:
    try:
        return not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.getuid()
    except OSError:
        return False


def _remove_if_unlocked(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # its server lives
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(descriptor)
