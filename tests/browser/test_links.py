"""Every link of every page, clicked: it leads to a page with a heading, never to a bare error."""

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

PAGES = ("/", "/prosody", "/results", "/sign-in/", "/rate/some-study/", "/nothing-here")


def test_every_link_leads_to_a_page(new_page: Callable[..., Page], url: str) -> None:
    """A visitor clicks on from page to page; where a page has no link left, the next one's address is typed."""
    page, here = new_page(), ""
    left: dict[str, list[str]] = {}  # of each page: the links that were not clicked yet
    while waiting := [path for path in PAGES if left.get(path) != []]:
        if here not in waiting:
            here = waiting[0]
            page.goto(url + here)
            wait_for_heading(page)
        if here not in left:
            left[here] = links(page)
            continue
        href = left[here].pop()
        reached = click(page, href)
        wait_for_heading(reached)
        answer = reached.request.get(reached.url, headers={"accept": "text/html"})
        assert answer.status == 200, f"{here}: {href} leads to {reached.url}, {answer.status}"
        assert answer.headers["content-type"].startswith("text/html")
        if reached is page:
            here = name_of(page.url)
        else:
            reached.close()


def click(page: Page, href: str) -> Page:
    """Click a link, and return the page that it opens: this one or a new one."""
    link = page.locator(f'a[href="{href}"]:visible').first
    if link.get_attribute("target") == "_blank":
        with page.context.expect_page() as opened:
            link.click()
        return opened.value
    with page.expect_navigation():
        link.click()
    return page


def name_of(address: str) -> str:
    """Return which of the pages has this address, or nothing."""
    parts = urlsplit(address)
    same = (path for path in PAGES if not parts.query and path.rstrip("/") == parts.path.rstrip("/"))
    return next(same, "")


def wait_for_heading(page: Page) -> None:
    expect(page.locator("h1").first).to_be_visible(timeout=60_000)


def links(page: Page) -> list[str]:
    """Return links of this site that can be seen on a page, but those within it."""
    found = page.locator("a[href]:visible").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    return sorted({href for href in found if not href.startswith("#") and not urlsplit(href).scheme})
