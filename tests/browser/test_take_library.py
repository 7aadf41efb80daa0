"""Takes that a visitor keeps: in the browser alone, over a reload; and links that make the same bytes again."""

import re
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


def test_a_prompt_goes_with_a_link_only_after_a_tick_and_can_be_deleted(
    visit_site: Callable[..., Site], new_page: Callable[..., Page], clips: dict[str, Path]
) -> None:
    site = visit_site(width=390)
    page = site.page
    site.upload(clips["low"])
    site.settings(seconds=1.0, seed=7)
    site.fill("cut-length", 1.3)
    site.go.click()
    site.finish()
    sound = site.save(1, "wav")
    card, library = site.take(1), page.locator("#take-library")
    card.get_by_role("button", name="Copy a link").click()
    link = library.locator("[data-link]")
    expect(link).not_to_have_attribute("data-link", re.compile("prompt="))
    card.get_by_label("The link has the prompt too").check()
    expect(card.locator(".take-share-words")).to_contain_text("1.3 s of your recording are then kept on this server")
    expect(library.get_by_text("Shared prompts")).to_be_hidden()  # nothing is sent by the tick alone
    card.get_by_role("button", name="Copy a link").click()
    expect(link).to_have_attribute("data-link", re.compile(r"&prompt=[\w-]{32}$"))
    address = link.get_attribute("data-link") or ""
    expect(library.get_by_text("Take with seed 7, kept until")).to_be_visible()
    assert not serious_findings(page)
    assert site.width() == 390

    other = new_page()
    other.goto(address)
    again = Site(other)
    expect(again.run_note).to_contain_text("and its prompt are loaded. Continue gives the same sound")
    expect(again.prompt_note).to_contain_text("Good level")
    again.go.click()
    again.finish()
    expect(again.run_note).to_contain_text("the saved one again")
    assert again.save(1, "wav") == sound

    library.get_by_role("button", name="Delete the prompt: Take with seed 7").click()
    expect(library.get_by_role("status")).to_contain_text("The prompt is deleted")
    expect(library.get_by_text("Shared prompts")).to_be_hidden()
    other.on("dialog", lambda dialog: dialog.accept())
    other.goto("about:blank")
    other.goto(address)
    expect(again.run_note).to_contain_text("The prompt of this link is gone")
