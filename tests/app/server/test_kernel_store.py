"""Compiled kernels: known to be there only where this Python finds them and they are of the source as it is."""

import os
import sys
from pathlib import Path

import pytest

from undertone.app.server.kernel_store import COMPILED, LAST, kernels_are_stored


def test_the_source_lies_where_the_kernels_are_looked_for() -> None:
    assert f"def {LAST}(" in (COMPILED / "kernels.py").read_text()


@pytest.mark.parametrize(
    ("version", "seconds_after_source", "stored"),
    [
        (f"py{sys.version_info.major}{sys.version_info.minor}", 1, True),
        (f"py{sys.version_info.major}{sys.version_info.minor}", -1, False),
        ("py27", 1, False),
    ],
)
def test_kernels_of_this_python_and_this_source_are_found(
    version: str, seconds_after_source: int, stored: bool, tmp_path: Path
) -> None:
    source = tmp_path / "kernels.py"
    source.write_text("")
    assert not kernels_are_stored(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    found = tmp_path / "__pycache__" / f"kernels.{LAST}-158.{version}.nbi"
    found.write_bytes(b"")
    time = source.stat().st_mtime + seconds_after_source
    os.utime(found, (time, time))
    assert kernels_are_stored(tmp_path) is stored
