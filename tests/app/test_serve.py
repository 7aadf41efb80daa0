"""`undertone serve` as a command: one line, soon; `test_split` looks at what it serves and how it ends."""

import socket
import time
from pathlib import Path

import pytest

from app.serve import DEFAULT_EXAMPLES, ServeError, _found, serve
from tests.app.split_site import split_site
from tests.tiny_bundle import make_tiny_bundle


def test_it_prints_one_line_soon(tmp_path: Path) -> None:
    began = time.monotonic()
    with split_site(make_tiny_bundle(tmp_path / "tiny"), tmp_path / "data") as site:
        seconds = time.monotonic() - began
        site.until("/rate")
    assert seconds < 60  # 1 s on an idle machine; tests may share it


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=str(port)):
            serve(tmp_path, port=port, data=tmp_path / "data")


def test_the_examples_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sorted(_found(DEFAULT_EXAMPLES).glob("*.wav"))
    (tmp_path / DEFAULT_EXAMPLES).mkdir(parents=True)
    assert _found(DEFAULT_EXAMPLES) == tmp_path / DEFAULT_EXAMPLES
