"""The Results page in a browser: signing in, reading it on a desk and on a phone, and what axe-core finds."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe_findings import serious_findings
from tests.browser.conftest import ROOT, START_SECONDS, Regulars, visiting
from tests.browser.states import wait_until_still
from tests.judged_study import PANEL_ID
from tests.results_site import ADMIN, PASSPHRASE, READER, filled_places

Enter = Callable[..., Page]
TABS = ("Scores", "Raters", "Clips", "People", "Plan", "Log", "Manage")
SHOWN = {
    "Scores": "#results-answers .js-plotly-plot",
    "Raters": "#results-raters table",
    "Clips": "#results-clips audio",
    "Log": "#results-log table",
}
CLIPPED = """
() => [...document.querySelectorAll(".results-wide")]
    .filter(box => box.offsetParent && box.scrollWidth > box.clientWidth + 1).map(box => box.ariaLabel)
"""


@pytest.fixture(scope="module")
def results_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    places = filled_places(tmp_path_factory.mktemp("results") / "data")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "tests.results_site", str(places.data), str(port)]
    with subprocess.Popen(command, cwd=ROOT) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str) -> None:
    until = monotonic() + START_SECONDS
    while monotonic() < until:
        try:
            urllib.request.urlopen(f"{url}/sign-in", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            sleep(0.5)
    raise AssertionError("the server of the results did not start")


@pytest.fixture(scope="module")
def enter(regulars: Regulars, results_url: str) -> Iterator[Enter]:
    """Open the page and sign in; no page asks another machine, and no script fails."""
    with visiting(regulars, results_url) as make:

        def enter(name: str = ADMIN, width: int = 1280) -> Page:
            page = make(width=width)
            page.goto(f"{results_url}/results/")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Passphrase").fill(PASSPHRASE)
            page.keyboard.press("Enter")
            page.locator(".results-facts").wait_for()
            return page

        yield enter


@pytest.fixture(scope="module")
def admins_page(enter: Enter) -> Page:
    """Return a page of an admin who stays signed in, opened on a phone; a test chooses its tab and its width."""
    return enter(width=390)


@pytest.fixture(scope="module")
def readers_page(enter: Enter) -> Page:
    """Return a page of a reader who stays signed in; a test chooses its tab."""
    return enter(READER)


def to_tab(page: Page, name: str) -> None:
    """Go to a tab, also where a narrow page keeps it behind its menu."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.count() and tab.first.is_visible():
        tab.first.click()
        return
    page.locator("#results-tabs .overflow-menu button").first.click()
    page.locator(".overflow-dropdown button", has_text=name).click()


def test_every_tab_fits_and_has_no_serious_defect(admins_page: Page) -> None:
    page = admins_page
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for tab in ("Progress", *TABS):
            to_tab(page, tab)
            if tab in SHOWN:
                page.locator(SHOWN[tab]).first.wait_for()
            if tab == "People":
                page.locator("#results-show-people").click()
                page.locator("#results-people table").first.wait_for()
            wait_until_still(page)
            if width < 600:
                assert page.evaluate(CLIPPED) == [], "a phone shows wide tables whole"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
            serious = serious_findings(page)
            assert not serious, (tab, serious)


def test_an_admin_closes_a_study_and_reads_it_in_the_log(admins_page: Page) -> None:
    page = admins_page
    page.set_viewport_size({"width": 1280, "height": 900})
    to_tab(page, "Progress")
    expect(page.locator("#results-summary")).to_contain_text("108 of 120")
    to_tab(page, "Manage")
    page.locator("#results-pause").click()
    expect(page.locator("#results-done")).to_contain_text("is paused")
    page.locator("#results-close").click()
    expect(page.locator("#results-closing")).to_contain_text("Close judged?")
    page.locator("#results-close-no").click()
    expect(page.locator("#results-closing")).to_be_hidden()
    to_tab(page, "Log")
    page.locator("#results-refresh").click()
    expect(page.locator("#results-log")).to_contain_text("study.paused")
    to_tab(page, "Progress")
    expect(page.locator("#results-summary")).to_contain_text("Paused")
    to_tab(page, "Manage")
    page.locator("#results-close").click()
    page.locator("#results-close-yes").click()
    expect(page.locator("#results-done")).to_contain_text("is closed")
    expect(page.locator("#results-closing")).to_be_hidden()
    page.locator("#results-open").click()


def test_an_admin_checks_a_code_and_takes_the_list_along(admins_page: Page, browser: Browser, results_url: str) -> None:
    page = admins_page
    to_tab(page, "People")
    page.get_by_label("Completion code or panel id").fill("made-up")
    page.keyboard.press("Enter")
    expect(page.locator("#results-checked")).to_contain_text("No session of study 'judged'")
    page.get_by_label("Completion code or panel id").fill(PANEL_ID)
    page.locator("#results-check").click()
    expect(page.locator("#results-checked")).to_contain_text("finished and accepted")
    page.locator("#results-take-people").click()
    link = page.locator("#results-people-file a")
    link.wait_for()
    with page.expect_download() as saved:
        link.click()
    assert saved.value.suggested_filename == "judged-people.zip"
    address = link.get_attribute("href")
    stranger = browser.new_context()
    assert stranger.request.get(f"{results_url}{address}").status == 401
    stranger.close()


def test_a_clip_is_heard(readers_page: Page) -> None:
    page = readers_page
    to_tab(page, "Clips")
    clip = page.locator("#results-clips audio").first
    clip.wait_for()
    clip.evaluate("audio => audio.play()")
    page.wait_for_function("() => document.querySelector('#results-clips audio').currentTime > 0.1")


def test_signing_out_ends_the_session(enter: Enter, browser: Browser, results_url: str) -> None:
    page = enter()
    copied = browser.new_context(storage_state=page.context.storage_state())
    assert copied.request.get(f"{results_url}/results/config").status == 200
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Passphrase").wait_for()
    assert copied.request.get(f"{results_url}/results/config").status == 401
    copied.close()


def test_a_reader_sees_results_but_no_way_to_change_them(readers_page: Page) -> None:
    page = readers_page
    to_tab(page, "Scores")
    expect(page.locator("#results-score-table")).to_contain_text("ground-truth")
    for admins_only in ("Manage", "People"):
        expect(page.get_by_role("tab", name=admins_only, exact=True)).to_have_count(0)
    page.locator("#results-report").click()
    link = page.locator("#results-report-file a")
    link.wait_for()
    with page.expect_download() as saved:
        link.click()
    assert saved.value.suggested_filename == "judged-report.html"
