"""`undertone serve` believes forwarding headers of named proxies only, whatever stands between it and the site."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.tiny_bundle import make_tiny_bundle
from undertone.app.asgi.client_address import PROXIES_VARIABLE

ROOT = Path(__file__).parents[3]
GUESSES = 40
BUSY = 120.0  # seconds that an answer may take on a machine that tests share


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@contextmanager
def served(bundle: Path, data: Path, *options: str, **variables: str) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "undertone", "serve", "--bundle", str(bundle), "--port", "0"]
    command += ["--data", str(data), *options]
    environment = {**os.environ, **variables}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            assert address
            with httpx.Client(base_url=address[0].replace("localhost", "127.0.0.1"), timeout=BUSY) as client:
                yield client
        finally:
            server.terminate()


def refused(client: httpx.Client) -> int:
    """How many of many guesses are refused, each from an address that the client makes up."""
    answers = [
        client.post("/rate/api/resume", json={"code": "abcd-efgh-jkmn"}, headers={"x-forwarded-for": f"203.0.113.{n}"})
        for n in range(GUESSES)
    ]
    return sum(answer.status_code == 429 for answer in answers)


def test_from_loopback_a_made_up_address_evades_no_limit(bundle: Path, tmp_path: Path) -> None:
    with served(bundle, tmp_path / "data") as client:
        assert refused(client) >= GUESSES - 21
        page = client.get("/sign-in", headers={"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"})
        assert "evil.example" not in page.text
        config = client.get("/config", headers={"x-forwarded-host": "evil.example"})
        assert "evil.example" not in config.text


def test_visitors_of_a_proxy_that_the_environment_names_are_told_apart(bundle: Path, tmp_path: Path) -> None:
    with served(bundle, tmp_path / "data", **{PROXIES_VARIABLE: "127.0.0.1"}) as client:
        assert refused(client) == 0


def test_a_wrong_name_is_told_before_anything_is_loaded(bundle: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "undertone",
        "serve",
        "--bundle",
        str(bundle),
        "--trusted-proxy",
        "proxy.example",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "trusted proxy 'proxy.example' is no address" in done.stderr
