"""States of a page that a test waits for, however busy the machine is: counted in frames that the browser draws."""

import re

from playwright.sync_api import Locator, Page, expect

_STAYS = """async (field, text) => {
    for (let frame = 0; frame < 10; frame++) {
        await new Promise(requestAnimationFrame);
        if (field.value !== text) return false;
    }
    return true;
}"""
_STILL = """() => new Promise((resolve) => {
    let frames = 0, all = 0;
    const observer = new MutationObserver(() => { frames = 0; });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    const count = () => {
        if (++frames < 30 && ++all < 3000) { requestAnimationFrame(count); return; }
        observer.disconnect();
        resolve(null);
    };
    requestAnimationFrame(count);
})"""


def fill_number(field: Locator, value: float, tries: int = 20) -> None:
    """Type a number until it stays: what the page is still showing may overwrite it once."""
    text = f"{value:g}"
    for _ in range(tries):
        field.fill(text)
        field.press("Tab")
        if field.evaluate(_STAYS, text):
            break
    expect(field).to_have_value(text)


def wait_for_words(place: Locator, words: str | re.Pattern[str], timeout_ms: float = 120_000) -> None:
    """Wait until an element is seen with words in it.

    For what takes long: where an element is not there yet, an expectation of Playwright draws up the accessible tree
    of the whole page each time it looks.
    """
    place.filter(has_text=words).wait_for(timeout=timeout_ms)


def open_drawer(page: Page, drawer: str, field: str) -> None:
    """Open an accordion and wait until a number field in it has its value: it is filled when it opens first."""
    if not page.locator(field).is_visible():
        page.locator(f"{drawer} > button").click()
    expect(page.locator(field)).to_be_visible()
    expect(page.locator(field)).not_to_have_value("")


def wait_until_still(page: Page) -> None:
    """Wait until the page has been drawn 30 times without a change, or 3000 times in all."""
    page.evaluate(_STILL)
