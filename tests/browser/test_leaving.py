"""Who closes a page leaves nothing on the server, and no page breaks the policy under which it is served."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import ROOT, _address
from tests.browser.continue_site import Site
from tests.browser.prosody_site import ProsodySite

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def url(bundle: Path, temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server whose temporary files can be looked at."""
    data = tmp_path_factory.mktemp("studies")
    command = [sys.executable, "-m", "undertone", "serve", "--bundle", str(bundle), "--port", "0"]
    command += ["--data", str(data)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield _address(server)
        finally:
            server.terminate()


def sounds(temporary: Path) -> list[Path]:
    """Return recordings and takes on disk; copies of the examples are nobody's own."""
    folders = ("uploads", "visits")
    return [path for folder in folders for path in temporary.glob(f"undertone-*/**/{folder}/**/*") if path.is_file()]


def watch_policy(page: Page) -> list[str]:
    """Return a list that grows when a page does what its policy forbids."""
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if "Content Security" in message.text else None)
    return broken


def test_a_closed_page_leaves_no_recording_and_no_take(
    new_page: Callable[..., Page], url: str, clips: dict[str, Path], temporary: Path
) -> None:
    page, other = new_page(), new_page()
    broken = watch_policy(page) + watch_policy(other)
    site, prosody = Site.open(page, url), ProsodySite.open(other, url)
    site.upload(clips["low"])
    site.settings(seconds=1, takes=2)
    site.go.click()
    site.finish()
    prosody.analyse(clips["high"])
    prosody.save()
    made = {path.name for path in sounds(temporary)}
    assert {"low.wav", "high.wav"} <= made
    assert any(name.endswith("-playback.wav") for name in made)
    page.close()
    other.goto("about:blank")
    until = time.monotonic() + PATIENCE_SECONDS
    while sounds(temporary) and time.monotonic() < until:
        time.sleep(0.2)
    assert sounds(temporary) == []
    assert broken == []
