"""The Prosody page in a real browser: sliders move sounds, and every way back gives the bytes that were there."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe_findings import serious_findings
from tests.browser.continue_site import Site
from tests.browser.prosody_site import PATIENCE_MS, STEPS_SENT, ProsodySite
from tests.browser.states import wait_for_words

Visit = Callable[..., ProsodySite]


@pytest.fixture(scope="module")
def analysed(shared_page: Callable[..., Page], url: str, clips: dict[str, Path]) -> ProsodySite:
    """Return a page with an analysed clip, at a quality at which drafts and the full sound differ."""
    site = ProsodySite.open(shared_page(), url)
    site.analyse(clips["low"], steps=12)
    return site


@pytest.fixture(scope="module")
def reused(shared_page: Callable[..., Page], url: str) -> ProsodySite:
    """Return the page of a visitor who stays; each test analyses a clip on it anew."""
    return ProsodySite.open(shared_page(), url)


@pytest.fixture
def resting(analysed: ProsodySite) -> ProsodySite:
    """Return the page with every slider at rest."""
    if saved_shifts(analysed):
        analysed.press(".card-reset-all")
    assert saved_shifts(analysed) == []
    return analysed


def test_a_card_moves_the_sound_and_every_way_back_is_exact(reused: ProsodySite, clips: dict[str, Path]) -> None:
    site = reused
    site.analyse(clips["low"])
    rest = site.save()
    expect(site.page.locator("#undo")).to_be_disabled()
    site.move("z2", 1.5)
    moved = site.save()
    assert moved != rest
    site.move("z1", -1)
    both = site.save()
    assert both not in (moved, rest)
    site.press("#undo")
    assert site.save() == moved
    site.press("#redo")
    assert site.save() == both
    site.press('.prosody-card[data-card="z1"] .card-reset')
    assert site.save() == moved
    site.card("z2").get_by_role("button", name="Lock").click()
    expect(site.shift("z2")).to_be_disabled()
    site.press(".card-surprise")
    expect(site.shift("z2")).to_have_value("1.5")
    assert site.save() not in (rest, moved, both)
    site.card("z2").get_by_role("button", name="Lock").click()
    site.press(".card-reset-all")
    assert site.save() == rest


def test_a_draft_is_heard_while_the_slider_moves_and_full_quality_follows(resting: ProsodySite) -> None:
    site = resting
    site.page.evaluate("""() => { window.heard = []; for (const name of ["draft", "edited"])
        document.addEventListener(`undertone:${name}`, () => window.heard.push(name)); }""")
    slider = site.shift("z3")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    site.page.mouse.move(box["x"] + box["width"] / 2, middle)
    site.page.mouse.down()
    site.page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=3)
    site.page.wait_for_function("window.heard.includes('draft')", timeout=PATIENCE_MS)
    expect(site.player).to_have_attribute("data-quality", "draft")
    expect(site.player).to_have_attribute("data-playing", "true")
    before = site.sounds()
    site.page.mouse.up()
    site.wait_for_sound(before)
    expect(site.player).to_have_attribute("data-quality", "full")
    assert site.page.evaluate("window.heard.at(-1)") == "edited"
    for version in ("Before", "Recording", "After"):
        site.page.get_by_role("button", name=version, exact=True).click()
        expect(site.player).to_have_attribute("data-version", version.lower())
    expect(site.page.locator("#prosody-numbers")).to_contain_text("Loudness of speech")


def test_a_range_drawn_on_a_curve_is_saved_and_made_again_by_another_visitor(
    reused: ProsodySite, visit_prosody: Visit, clips: dict[str, Path], tmp_path: Path
) -> None:
    site = reused
    site.analyse(clips["high"])
    rest = site.save()
    site.move("z4", 0.7)
    site.drag_over_figure(panel=6, start=0.3, end=0.6)  # the uppermost latent, below three mels, F0, energy and tokens
    expect(site.page.locator(".range-caption")).to_contain_text(" to ")
    target = site.page.locator("#range-target input").input_value()
    assert target == site.page.locator(".prosody-card h3").first.inner_text() or "(" in target
    site.press("#range-apply")
    expect(site.page.locator(".card-chip")).to_have_count(1)
    sound, settings = site.save("wav"), site.save("json")
    edits = json.loads(settings)["edit"]["edits"]
    assert [edit["start_seconds"] is None for edit in edits] == [True, False]
    assert 0.4 < edits[1]["start_seconds"] < edits[1]["end_seconds"] < 1
    (tmp_path / "settings.json").write_bytes(settings)

    again = visit_prosody()
    with again.page.expect_file_chooser() as chooser:
        again.page.get_by_role("button", name="Load saved settings").click()
    chooser.value.set_files(tmp_path / "settings.json")
    wait_for_words(again.note, "press Analyse")
    again.upload(clips["high"])
    again.page.locator("#analyse").click()
    again.wait_until_idle("saved settings again")
    expect(again.shift("z4")).to_have_value("0.7")
    assert again.save("wav") == sound
    assert again.save("json") == settings
    again.press(".card-chip")
    again.press(".card-reset-all")
    assert again.save() == rest


def test_two_visitors_edit_side_by_side(reused: ProsodySite, visit_prosody: Visit, clips: dict[str, Path]) -> None:
    low, high = reused, visit_prosody()
    low.analyse(clips["low"])
    high.analyse(clips["high"])
    before = low.sounds(), high.sounds()
    for site, value in ((low, "2"), (high, "-2")):
        field = site.card("z1").locator("[data-part='0'] .card-number")
        field.fill(value)
        field.press("Enter")
    low.wait_for_sound(before[0])
    high.wait_for_sound(before[1])
    ours, theirs = json.loads(low.save("json")), json.loads(high.save("json"))
    assert [edit["shift"] for edit in ours["edit"]["edits"]] == [2.0]
    assert [edit["shift"] for edit in theirs["edit"]["edits"]] == [-2.0]
    assert ours["source"]["audio_sha256"] != theirs["source"]["audio_sha256"]
    sound = low.save()
    high.press("#undo")
    assert low.save() == sound
    expect(low.shift("z1")).to_have_value("2")


def test_cancel_keeps_what_is_heard(reused: ProsodySite, clips: dict[str, Path]) -> None:
    site = reused
    site.analyse(clips["microphone"], length=5, steps=50)
    sound = site.save()
    site.page.locator("#draw").click()
    expect(site.busy).to_have_count(1)
    site.page.locator("#cancel").click()
    expect(site.note).to_contain_text("Cancelled")
    expect(site.page.locator("#cancel")).not_to_be_visible()
    assert site.save() == sound
    site.move("z1", 1)  # the model is free again
    assert site.save() != sound


def test_a_take_of_the_continue_page_arrives_as_it_sounded(
    visit_site: Callable[..., Site], clips: dict[str, Path]
) -> None:
    site = visit_site()
    site.upload(clips["low"])
    site.settings(seconds=1, seed=8)
    site.go.click()
    site.finish()
    sound = site.save(1, "wav")
    with site.page.context.expect_page() as opened:
        site.page.locator("#open-prosody").click()
    prosody = ProsodySite(opened.value)
    prosody.wait_until_idle("Take 1 of the Continue page")
    assert prosody.save() == sound
    expect(prosody.page.get_by_role("button", name="Recording", exact=True)).not_to_be_visible()
    gone = site.page.context.new_page()
    gone.goto(re.sub(r"take=.*", "take=guessed", prosody.page.url))
    wait_for_words(ProsodySite(gone).note, "This take is gone")


def test_prosody_and_voice_of_a_second_recording_and_of_the_model(visit_prosody: Visit, clips: dict[str, Path]) -> None:
    site = visit_prosody()
    site.analyse(clips["low"])
    sounds = {site.save()}
    site.upload(clips["high"], "second-")
    site.fill("#second-cut-length input[type=number]", 1.2)
    site.page.locator("#use-second").click()
    site.wait_until_idle("The second recording is there")
    for choice in ("The second recording's, on these words", "Between the two"):
        before = site.sounds()
        site.page.locator("#whose").get_by_label(choice).check()
        site.wait_for_sound(before)
        sounds.add(site.save())
    before = site.sounds()
    site.page.locator(".card-morph input").focus()
    site.page.keyboard.press("Home")
    site.wait_for_sound(before)
    assert site.save() in sounds  # the morph begins at this recording
    site.page.locator("#draw").click()
    site.wait_until_idle("draws with seed")
    site.press("#use-draw-3")
    expect(site.page.locator("#whose").get_by_label("Draw 3 of the model")).to_be_checked()
    sounds.add(site.save())
    before = site.sounds()
    site.page.locator("#voice").get_by_label("The second recording's").check()
    site.wait_for_sound(before)
    sounds.add(site.save())
    assert len(sounds) == 5
    site.fill("#go-on-seconds input[type=number]", 1)
    site.page.locator("#go-on").click()
    site.wait_until_idle("follow the edited speech")
    expect(site.page.locator("#continued-player")).to_be_visible()


def test_by_keyboard_on_a_phone_and_for_assistive_technology(visit_prosody: Visit, clips: dict[str, Path]) -> None:
    site = visit_prosody(width=320, height=700)
    assert site.width() <= 320
    site.analyse(clips["low"])
    assert site.width() <= 320
    site.page.set_viewport_size({"width": 390, "height": 844})
    site.page.wait_for_function("document.documentElement.scrollWidth <= 390")  # the figure follows the window
    before = site.sounds()
    site.shift("z2").focus()
    for _ in range(3):
        site.page.keyboard.press("ArrowRight")
    site.wait_for_sound(before)
    expect(site.shift("z2")).to_have_value("0.3")
    site.card("z2").get_by_role("button", name="▶ +2 σ").focus()
    site.page.keyboard.press("Enter")
    expect(site.player).to_have_attribute("data-version", "once", timeout=PATIENCE_MS)
    site.wait_until_idle()
    before = site.sounds()
    site.shift("z1").focus()
    site.page.keyboard.press("Control+z")
    site.wait_for_sound(before)
    expect(site.shift("z2")).to_have_value("0")
    assert site.width() <= 390
    assert serious_findings(site.page) == []


def saved_shifts(site: ProsodySite) -> list[float]:
    return [edit["shift"] for edit in json.loads(site.save("json"))["edit"]["edits"]]


# Two requests at once may reach the server in either order; so the first of two always comes last.
EVERY_OTHER_REQUEST_LATE = """() => {
  const fetch = window.fetch;
  let requests = 0, heldBack = 0;
  window.fetch = (url, options) => {
    if (options?.method !== "POST" || requests++ % 2) return fetch(url, options);
    heldBack++;
    return new Promise((resolve) => setTimeout(resolve, 700)).then(() => fetch(url, options));
  };
  window.holdNoRequestBack = () => { window.fetch = fetch; return heldBack; };
}"""


def test_values_typed_in_quick_succession_end_with_the_last_and_nothing_is_lost(resting: ProsodySite) -> None:
    """Three quick Shift values said "Speaking" for ever; a refused range wiped figure, numbers and buttons."""
    site = resting
    site.page.evaluate(EVERY_OTHER_REQUEST_LATE)
    field = site.card("z1").locator("[data-part='0'] .card-number")
    for value in ("0.5", "1", "1.5"):
        field.fill(value)
        before = site.steps_sent()
        field.press("Enter")
        site.page.wait_for_function(f"{STEPS_SENT} > {before}", timeout=PATIENCE_MS)
    expect(site.shift("z1")).to_have_value("1.5", timeout=PATIENCE_MS)
    assert site.page.evaluate("window.holdNoRequestBack()") > 0
    for expected, press in ((1.5, ()), (1.0, ("undo",)), (1.5, ("redo",)), (0.5, ("undo", "undo"))):
        for button in press:
            site.page.locator(f"#{button}").click()
        expect(site.shift("z1")).to_have_value(f"{expected:g}", timeout=PATIENCE_MS)
        expect(site.page.locator("#cancel")).not_to_be_visible(timeout=PATIENCE_MS)
        site.wait_until_idle()
        ends = time.monotonic() + PATIENCE_MS / 1000  # the page may be between two of these steps
        while (shifts := saved_shifts(site)) != [expected] and time.monotonic() < ends:
            site.wait_until_idle()
        assert shifts == [expected]
    sound = site.save()
    site.page.locator("#range-apply").click()
    wait_for_words(site.note, "time range first")
    site.wait_until_idle()
    expect(site.page.locator("#undo")).to_have_text("Undo")
    expect(site.page.locator("#prosody-numbers")).to_contain_text("Duration")
    expect(site.page.locator("#prosody-figure .js-plotly-plot")).to_be_visible()
    expect(site.page.get_by_role("button", name="Recording", exact=True)).to_be_visible()
    assert site.save() == sound
    expect(site.shift("z1")).to_have_value("0.5")


def test_the_status_bar_covers_nothing_that_is_focused_and_nothing_lies_half_under_it(
    reused: ProsodySite, clips: dict[str, Path]
) -> None:
    site = reused
    site.analyse(clips["low"])
    bar = site.page.locator("#prosody-status")
    expect(bar).to_be_visible()
    site.page.evaluate("window.scrollTo(0, 0)")
    site.page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        site.page.keyboard.press("Tab")
        # An element taller than the room above the bar begins there.
        covered = site.page.evaluate(
            """() => {
                const on = document.activeElement, bar = document.querySelector("#prosody-status");
                if (on === document.body || bar.contains(on)) return null;
                const box = on.getBoundingClientRect(), edge = bar.getBoundingClientRect().top;
                const fits = box.height > 0 && box.height < edge - 80;
                return fits && box.bottom > edge + 1 ? on.outerHTML.slice(0, 200) : null;
            }"""
        )
        assert covered is None
    opaque = bar.evaluate("(bar) => getComputedStyle(bar).backgroundColor")
    assert opaque.startswith("rgb(")  # rgba(…) would let the page shine through
