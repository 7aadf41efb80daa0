"""Who closes a page leaves nothing on the server, and no page breaks the policy under which it is served."""

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.continue_site import Site
from tests.browser.prosody_site import ProsodySite

PATIENCE_SECONDS = 60


def sounds(temporary: Path) -> set[Path]:
    """Return recordings and takes on disk; copies of the examples are nobody's own."""
    folders = ("uploads", "visits")
    return {path for folder in folders for path in temporary.glob(f"undertone-*/**/{folder}/**/*") if path.is_file()}


def watch_policy(page: Page) -> list[str]:
    """Return a list that grows when a page does what its policy forbids."""
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if "Content Security" in message.text else None)
    return broken


def test_a_closed_page_leaves_no_recording_and_no_take(
    new_page: Callable[..., Page], url: str, clips: dict[str, Path], temporary: Path
) -> None:
    before = sounds(temporary)  # of visitors whose pages were closed a moment ago
    page, other = new_page(), new_page()
    broken = watch_policy(page) + watch_policy(other)
    site, prosody = Site.open(page, url), ProsodySite.open(other, url)
    site.upload(clips["low"])
    site.settings(seconds=1, takes=2)
    site.go.click()
    site.finish()
    prosody.analyse(clips["high"])
    prosody.save()
    made = {path.name for path in sounds(temporary) - before}
    assert {"low.wav", "high.wav"} <= made
    assert any(name.endswith("-playback.wav") for name in made)
    page.close()
    other.goto("about:blank")
    until = time.monotonic() + PATIENCE_SECONDS
    while sounds(temporary) - before and time.monotonic() < until:
        time.sleep(0.2)
    assert sounds(temporary) - before == set()
    assert broken == []
