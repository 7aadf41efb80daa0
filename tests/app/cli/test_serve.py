"""`undertone serve` as a command: one line, soon; tests/app/server looks at what it serves and how it ends."""

import socket
import time
from pathlib import Path

import pytest

from tests.app.split_site import split_site
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.serve import ServeError, serve


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
