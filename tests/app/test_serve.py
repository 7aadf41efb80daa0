"""`undertone serve` as a process: one line, soon; and nothing left behind."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from app.serve import ServeError, serve
from engine import Engine
from tests.tiny_bundle import make_tiny_bundle

ROOT = Path(__file__).parent.parent.parent


def test_it_prints_one_line_serves_and_cleans_up(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    bundle = make_tiny_bundle(tmp_path / "tiny")
    command = [sys.executable, "-m", "app.command", "serve", "--bundle", str(bundle), "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    began = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        seconds = time.monotonic() - began
        address = re.fullmatch(r"Undertone is at (http://localhost:\d+)\n", line)
        assert address, line
        with urllib.request.urlopen(address[1], timeout=30) as page:
            assert b"Undertone" in page.read()
        server.terminate()
        assert server.stdout.read() == ""
        assert server.wait(timeout=20) == 0
    assert not list(temporary.glob("undertone-*"))
    assert seconds < 60  # 6 s on an idle machine; tests may share it


def test_a_taken_port_is_named(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.Engine.from_pretrained", lambda *args, **kwargs: engine)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=str(port)):
            serve(tmp_path, port=port)
