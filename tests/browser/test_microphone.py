"""A browser that gives no microphone: Record says why and what to do, in the browser's own conditions."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FLAGS, NAMES
from tests.browser.continue_site import Site

ASKS = "--use-fake-ui-for-media-stream"  # without it a browser without a window refuses the microphone
ELSEWHERE = "undertone.test"  # a name that is not this computer's: over http it is no secure place


@pytest.fixture
def strict_page(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Open an address in a Chromium that has a microphone and does not give it to pages."""
    path = next(found for name in NAMES if (found := shutil.which(name)))
    flags = [flag for flag in FLAGS if flag != ASKS]
    strict = browser.browser_type.launch(
        executable_path=path, args=[*flags, f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
    )

    def visit(url: str) -> Page:
        page = strict.new_page()
        page.set_default_timeout(120_000)
        return Site.open(page, url).page

    yield visit
    strict.close()


def test_a_refused_microphone_is_named_as_refused(strict_page: Callable[[str], Page], url: str) -> None:
    page = strict_page(url)
    page.locator("#clip .record-button").click()
    expect(page.locator(".clip-said")).to_contain_text("may not use the microphone")
    expect(page.locator(".clip-said")).to_have_attribute("role", "status")


def test_over_plain_http_the_page_asks_for_https(strict_page: Callable[[str], Page], url: str) -> None:
    page = strict_page(url.replace("localhost", ELSEWHERE).replace("127.0.0.1", ELSEWHERE))
    assert not page.evaluate("window.isSecureContext")
    page.locator("#clip .record-button").click()
    expect(page.locator(".clip-said")).to_contain_text("https://")
