"""Takes that a visitor keeps: in the browser alone, over a reload; and links that make the same bytes again."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.axe_findings import serious_findings
from tests.browser.continue_site import Site
from undertone.engine import TakeSettings, read_audio


def test_a_kept_take_survives_a_reload_and_its_link_makes_it_again(
    visit_site: Callable[..., Site], new_page: Callable[..., Page], clips: dict[str, Path], url: str
) -> None:
    site = visit_site()
    page = site.page
    site.upload(clips["low"])
    site.settings(seconds=1.0, seed=7)
    site.go.click()
    site.finish()
    settings, sound = site.save_both(1)
    page.get_by_role("button", name="Keep in this browser").first.click()
    library = page.locator("#take-library")
    expect(library.get_by_role("status")).to_contain_text("kept in this browser")
    name = library.get_by_label("Name of the take")
    expect(name).to_have_value("Take with seed 7")
    name.fill("A good one")
    name.press("Tab")
    expect(library.get_by_role("button", name="Delete: A good one")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())  # takes on the page would be lost, it says
    page.reload()
    expect(name).to_have_value("A good one")
    assert not serious_findings(page)
    with page.expect_download() as download:
        library.get_by_role("button", name="Save the settings: A good one").click()
    assert download.value.suggested_filename == "A good one.json"
    with page.expect_download() as download:
        library.get_by_role("button", name="Download all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["01 A good one.wav", "01 A good one.json"]
        assert archive.read("01 A good one.json").decode() == TakeSettings.parse(settings).model_dump_json()
        kept, rate_hz = read_audio(archive.read("01 A good one.wav"))
    assert (len(kept), rate_hz) == (len(read_audio(sound)[0]), 16_000)
    library.get_by_role("button", name="Copy the link: A good one").click()
    link = library.locator("[data-link]").get_attribute("data-link") or ""
    assert link.startswith(f"{url}/#take=")
    library.get_by_role("button", name="Delete: A good one").click()
    expect(name).to_have_count(0)

    other = new_page()
    other.goto(link)
    again = Site(other)
    expect(again.run_note).to_contain_text("seed 7 are loaded")
    again.upload(clips["low"])
    expect(again.prompt_note).to_contain_text("Good level")
    again.go.click()
    again.finish()
    assert again.save_both(1) == (settings, sound)
