"""The Containerfile, which only a container tool builds: what it says, and its commands as far as they run here."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.nginx import free_port
from tests.app.split_site import PATIENCE
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.hosting.healthcheck import address

ROOT = Path(__file__).parents[3]
Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """The Containerfile's instructions with their words, lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, rest in (line.split(maxsplit=1) for line in lines)]


def all_of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def environment() -> dict[str, str]:
    return dict(word.split("=", 1) for rest in all_of("ENV") for word in shlex.split(rest))


def exec_form(rest: str) -> list[str]:
    words = json.loads(rest)
    assert isinstance(words, list)
    return [str(word) for word in words]


def test_nothing_is_copied_that_is_not_there_and_every_package_is() -> None:
    sources = {source for rest in all_of("COPY") for source in rest.split()[:-1]}
    assert all((ROOT / source).exists() for source in sources)
    assert {"undertone", "app", "engine", "studies", "train", "assets/demo", "constraints.txt"} <= sources


def test_it_runs_as_a_user_without_rights_that_owns_the_data() -> None:
    names = [name for name, _ in instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    user = all_of("USER")[-1]
    assert user.split(":")[0] not in ("0", "root")
    (run,) = all_of("RUN")
    assert f"--owner {user.split(':')[0]}" in run
    (volume,) = all_of("VOLUME")
    assert environment()["UNDERTONE_DATA"].startswith(f"{volume}/")


def test_the_device_is_chosen_by_an_argument_and_any_other_is_refused() -> None:
    assert all_of("ARG") == ["DEVICE=cpu"]
    (run,) = all_of("RUN")
    choice = run.split("&&")[0]
    for device, index in (("cpu", "whl/cpu"), ("cuda", "")):
        done = subprocess.run(
            ["sh", "-c", f"{choice} && echo \"index=$index\""], env={**os.environ, "DEVICE": device},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip().endswith(index or "index=")
    wrong = subprocess.run(
        ["sh", "-c", choice], env={**os.environ, "DEVICE": "abacus"}, capture_output=True, check=False
    )
    assert wrong.returncode == 1


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, "http://127.0.0.1:7860/healthz"),
        ({"UNDERTONE_HOST": "0.0.0.0", "UNDERTONE_PORT": "80"}, "http://127.0.0.1:80/healthz"),
        ({"GRADIO_SERVER_NAME": "10.0.0.7", "PORT": "81"}, "http://10.0.0.7:81/healthz"),
    ],
)
def test_the_health_check_asks_where_the_server_listens(variables: dict[str, str], asked: str) -> None:
    assert address(variables) == asked


def test_its_command_serves_and_its_health_check_tells_life_from_death(tmp_path: Path) -> None:
    (_, check) = all_of("HEALTHCHECK")[0].split("CMD", 1)
    health = exec_form(check.strip())
    command = [*exec_form(all_of("ENTRYPOINT")[0]), *exec_form(all_of("CMD")[0])]
    assert command[0] == "undertone"
    assert health[0] == "python"
    variables = {
        **os.environ,
        **environment(),
        "UNDERTONE_DATA": str(tmp_path / "data"),
        "UNDERTONE_PORT": str(free_port()),
        "UNDERTONE_BUNDLE": str(make_tiny_bundle(tmp_path / "tiny")),
    }
    serving = [sys.executable, "-m", *command]
    asking = [sys.executable, *health[1:]]

    def healthy() -> bool:
        return subprocess.run(asking, cwd=ROOT, env=variables, check=False, timeout=60).returncode == 0

    assert not healthy()
    with subprocess.Popen(serving, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("Undertone is at http://localhost:")
            tries = int(PATIENCE / 5)
            assert any(healthy() for _ in range(tries))
        finally:
            server.terminate()
            assert server.wait(timeout=40) == 0
    assert not healthy()
