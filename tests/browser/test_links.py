"""Every link of every page, clicked: it leads to a page with a heading, never to a bare error."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

PAGES = ("/", "/prosody", "/results", "/sign-in/", "/rate/some-study/", "/nothing-here")


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_to_a_page(new_page: Callable[..., Page], url: str, path: str) -> None:
    page = new_page()
    found = links(page, url + path)
    there = page.url
    for href in found:
        if page.url != there:
            page.goto(there)
        link = page.locator(f'a[href="{href}"]:visible').first
        if link.get_attribute("target") == "_blank":
            with page.context.expect_page() as opened:
                link.click()
            reached = opened.value
        else:
            with page.expect_navigation():
                link.click()
            reached = page
        expect(reached.locator("h1").first).to_be_visible(timeout=60_000)
        answer = reached.request.get(reached.url, headers={"accept": "text/html"})
        assert answer.status == 200, f"{path}: {href} leads to {reached.url}, {answer.status}"
        assert answer.headers["content-type"].startswith("text/html")
        if reached is not page:
            reached.close()


def links(page: Page, address: str) -> list[str]:
    """Return links of this site that can be seen on a page, but those within it."""
    page.goto(address)
    expect(page.locator("h1").first).to_be_visible(timeout=60_000)
    found = page.locator("a[href]:visible").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    return sorted({href for href in found if not href.startswith("#") and not urlsplit(href).scheme})
