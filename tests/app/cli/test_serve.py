"""`undertone serve` as a command; tests/app/server looks at what it prints and serves, and how it ends."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from undertone.app.cli.main import app
from undertone.app.cli.serve import ServeError, serve


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=str(port)):
            serve(tmp_path, port=port, data=tmp_path / "data")


@pytest.mark.parametrize(
    ("variables", "options", "host"),
    [
        ({"PORT": "{port}", "GRADIO_SERVER_NAME": "127.0.0.2"}, [], "127.0.0.2"),
        ({"PORT": "1", "UNDERTONE_PORT": "{port}"}, [], "127.0.0.1"),
        ({"PORT": "1", "GRADIO_SERVER_NAME": "192.0.2.1"}, ["--port", "{port}", "--host", "127.0.0.1"], "127.0.0.1"),
    ],
)
def test_port_and_address_come_from_the_environment_unless_they_are_given(
    tmp_path: Path, variables: dict[str, str], options: list[str], host: str
) -> None:
    """The port is taken, so that it is named and nothing is served."""
    with socket.create_server((host, 0)) as taken:
        port = taken.getsockname()[1]
        words = ["serve", "--bundle", str(tmp_path), "--data", str(tmp_path / "data")]
        words += [option.format(port=port) for option in options]
        named = {name: value.format(port=port) for name, value in variables.items()}
        refused = CliRunner().invoke(app, words, env=named)
    assert isinstance(refused.exception, ServeError), refused.output
    assert f"cannot listen on {host}:{port} " in str(refused.exception)
