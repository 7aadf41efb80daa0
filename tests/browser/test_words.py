"""Words on both pages: read, reached by keyboard, heard from their place, and edited; every way back is exact."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.axe_findings import serious_findings
from tests.browser.continue_site import Site
from tests.browser.prosody_site import ProsodySite


def test_a_word_is_chosen_by_keyboard_edited_and_taken_back(
    visit_prosody: Callable[..., ProsodySite], clips: dict[str, Path]
) -> None:
    site = visit_prosody()
    site.analyse(clips["low"])
    rest = site.save()
    words = site.page.locator("#prosody-words .word")
    words.first.focus()
    site.page.keyboard.press("ArrowRight")
    site.page.keyboard.press("Enter")
    expect(words.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(words.first).to_have_attribute("aria-pressed", "false")
    actions = site.page.get_by_role("group", name="Change what is chosen")
    expect(actions.get_by_role("button")).to_have_text(["Lengthen", "Shorten", "Pause after"])  # all without a probe
    expect(site.page.locator(".range-caption")).to_contain_text(" s")
    site.press("[data-action=lengthen]")
    assert len(site.save()) > len(rest)
    site.press("[data-action=pause]")
    changes = json.loads(site.save("json"))["durations"]["changes"]
    assert [change["kind"] for change in changes] == ["stretch", "pause"]
    assert changes[0]["end_seconds"] == changes[1]["at_seconds"]
    assert not serious_findings(site.page)
    site.press(".card-chip >> nth=1")
    site.press("#undo")
    site.press(".card-chip >> nth=1")
    site.press(".card-chip >> nth=0")
    assert site.save() == rest


def test_a_take_shows_its_words_and_plays_from_one(visit_site: Callable[..., Site], clips: dict[str, Path]) -> None:
    site = visit_site(width=390)
    site.upload(clips["low"])
    site.settings(seconds=1.0, seed=3)
    site.go.click()
    site.finish()
    words = site.page.locator("#take-1-words .word")
    expect(site.page.locator("#take-1-words .words-label")).to_have_text(["Prompt: ", "Continuation: "])
    start = float((words.last.get_attribute("title") or "").split()[0])
    assert not serious_findings(site.page)
    words.last.click()
    site.page.wait_for_function(
        f"Number(document.querySelector('#take-1-boundary [data-seconds]')?.dataset.seconds) >= {start - 0.01}"
    )
    assert site.width() == 390
