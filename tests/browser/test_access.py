"""Without a mouse, and on a phone."""

from collections.abc import Callable
from pathlib import Path

import gradio
from playwright.sync_api import Dialog, Page, ViewportSize, expect

from tests.browser.axe_findings import EMPTY_VALUE, KNOWN, serious_findings
from tests.browser.continue_site import Site, at_least

Visit = Callable[..., Site]
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROW: ViewportSize = {"width": 320, "height": 700}  # the narrowest


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Press Tab until something matching the selector has the focus, as a person without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached by {most} presses of Tab")


def test_everything_can_be_done_with_the_keyboard(visit_site: Visit) -> None:
    site = visit_site()
    page = site.page
    tab_to(page, "#clip .record-button")
    page.keyboard.press("Enter")
    expect(page.locator(".clip-clock")).to_have_text(at_least(5))
    tab_to(page, "#clip .stop-button")
    page.keyboard.press("Enter")
    expect(site.prompt_note).to_contain_text("level")
    length = float(site.number("cut-length").input_value())
    tab_to(page, "#cut-length input[type=range]")
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".cut-caption")).to_contain_text(f"0.0 to {length - 0.5:.1f} s")
    tab_to(page, "#preset input")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Lively")).to_be_checked()
    tab_to(page, "#seconds input[type=range]")
    page.keyboard.press("Home")
    tab_to(page, "#takes input")
    page.keyboard.press("ArrowLeft")
    tab_to(page, "#go")
    page.keyboard.press("Enter")
    site.finish()
    tab_to(page, "#take-1-player .play-pause-button")
    page.keyboard.press("Enter")
    expect(page.locator("#take-1-player").get_by_label("Pause")).to_be_visible()
    tab_to(page, "#take-1-wav")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_every_control_has_a_name_and_a_page_with_a_clip_asks_before_it_is_left(
    visit_site: Visit, clips: dict[str, Path]
) -> None:
    site = visit_site()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    site.page.on("dialog", stay)
    site.page.reload()
    site.go.wait_for()
    assert asked == []
    site.upload(clips["low"])
    expect(site.prompt_note).to_contain_text("Good level")
    nameless = site.page.evaluate("""() => [...document.querySelectorAll('button, input, select, textarea, a[href]')]
        .filter(e => e.offsetParent !== null && e.type !== 'file')
        .filter(e => !(e.innerText?.trim() || e.getAttribute('aria-label') || e.title || e.labels?.length
                       || e.getAttribute('aria-labelledby')))
        .map(e => e.outerHTML.slice(0, 160))""")
    assert nameless == []
    site.page.reload()
    assert asked == ["beforeunload"]


def test_a_phone_shows_everything_without_scrolling_sideways_and_its_buttons_suit_a_thumb(
    visit_site: Visit, clips: dict[str, Path]
) -> None:
    site = visit_site(**NARROW)
    assert_fits(site)
    site.upload(clips["low"])
    expect(site.prompt_note).to_contain_text("Good level")
    assert_fits(site)
    for selector in ("#go", "#dice", ".cut-play", "#replay"):
        box = site.page.locator(selector).bounding_box()
        assert box is not None
        assert box["height"] >= 34, f"{selector} is {box['height']} px high"
    site.settings(seconds=1, takes=2)
    assert_fits(site)
    site.go.click()
    site.finish()
    figure = site.page.locator("#figure .main-svg").first.bounding_box()
    assert figure is not None
    assert figure["x"] >= 0
    assert figure["x"] + figure["width"] <= NARROW["width"]
    assert_fits(site)


def assert_fits(site: Site) -> None:
    """Check that nothing sticks out of a page on the narrowest phone, which it is on, nor on a usual one."""
    assert site.width() <= NARROW["width"]
    site.page.set_viewport_size(PHONE)
    site.page.wait_for_function(f"document.documentElement.scrollWidth <= {PHONE['width']}")
    site.page.set_viewport_size(NARROW)


def test_the_focus_stays_when_a_run_begins_and_ends(visit_site: Visit, clips: dict[str, Path]) -> None:
    site = visit_site()
    site.upload(clips["low"])
    expect(site.prompt_note).to_contain_text("Good level")
    site.settings(seconds=17, takes=4, steps=60)
    site.go.focus()
    site.page.keyboard.press("Enter")
    expect(site.cancel).to_be_focused()
    site.page.keyboard.press("Enter")
    expect(site.run_note).to_contain_text("Cancelled")
    expect(site.go).to_be_focused()


def test_a_recording_shows_how_long_it_is_and_without_a_microphone_the_page_says_what_to_do(visit_site: Visit) -> None:
    site = visit_site()
    site.page.locator("#clip .record-button").click()
    expect(site.page.locator(".clip-clock")).to_have_text(at_least(2))
    site.page.locator("#clip .stop-button").click()
    expect(site.page.locator(".clip-clock")).to_have_count(0)
    expect(site.prompt_note).to_contain_text("level")
    site.clear()
    site.page.evaluate("""() => { navigator.mediaDevices.getUserMedia =
        () => Promise.reject(new DOMException("none", "NotFoundError")); }""")
    site.page.locator("#clip .record-button").click()
    expect(site.page.locator(".clip-said")).to_contain_text("There is no microphone")


EMPTY_BOX = '<div aria-label="Empty value"'
ICON = '<svg width="20" height="20"></svg></div>'
MARKED = (f'{EMPTY_BOX} class="empty svelte-x">{ICON}', f'<div aria-label="Ours">{ICON}')


def test_a_fresh_page_shows_where_the_focus_is_and_axe_finds_only_what_gradio_writes(visit_site: Visit) -> None:
    page = visit_site().page
    assert serious_findings(page) == []
    for selector in ("#preset input", "#seconds input[type=range]", "#takes input", "#new-seed input", "#go"):
        tab_to(page, selector)
        shown = page.evaluate("""() => {
            const active = document.activeElement;
            return [active, active.closest("label")].filter(Boolean).map((e) => getComputedStyle(e))
                .some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
        }""")
        assert shown, f"the focus on {selector} is not seen"
    for markup in MARKED:
        page.evaluate("markup => document.querySelector('footer.site').insertAdjacentHTML('beforeend', markup)", markup)
    assert serious_findings(page) == [f"aria-prohibited-attr: {MARKED[1]}"]


def test_what_is_known_of_gradio_is_still_in_it() -> None:
    """When Gradio has mended it the list must shrink, so that our own pages are looked at in full."""
    scripts = Path(gradio.__file__).parent.glob("templates/frontend/assets/*.js")
    assert [known.selector for known in KNOWN] == [EMPTY_VALUE]
    assert any(EMPTY_BOX in script.read_text(encoding="utf-8") for script in scripts)
