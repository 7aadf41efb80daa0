"""The Continue page in a real browser: recorded, cut, continued, heard, compared, saved and made again."""

import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch
from playwright.sync_api import Route, expect

from tests.browser.axe_findings import serious_findings
from tests.browser.continue_site import Site
from tests.browser.states import wait_for_words, wait_until_still
from tests.clips import speechlike, write_wav16
from undertone.engine import read_audio

Visit = Callable[..., Site]


FIGURE = "document.querySelector('#figure .js-plotly-plot').data"
CURVE = f"JSON.stringify({FIGURE}.find(trace => trace.name === 'z1').y)"
NOTE_WHAT_IS_SAID = """() => { window.said = []; new MutationObserver(() => {
    const label = document.querySelector("#run-note label");
    if (label && window.said.at(-1) !== label.innerText) window.said.push(label.innerText);
}).observe(document.body, {childList: true, subtree: true, characterData: true}); }"""


@pytest.fixture(scope="module")
def three_takes(shared_site: Site, clips: dict[str, Path]) -> Site:
    """Return a page with takes of 2 s after a prompt of 3 s, which tests hear and look at, and do not change."""
    site = shared_site
    site.upload(clips["low"])
    site.settings(seconds=2, takes=3)
    site.go.click()
    site.finish()
    site.page.evaluate(f"window.firstCurve = {CURVE}")
    return site


@pytest.fixture
def finished(three_takes: Site) -> Site:
    """Return the page as the run left it: wide, silent, with the figure of the first take."""
    page = three_takes.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("#figure-choice").get_by_label("Take 1").check()
    page.wait_for_function(f"{CURVE} === window.firstCurve")
    expect(page.locator("[data-playing=true]")).to_have_count(0)
    return three_takes


def seconds_of(wav: bytes) -> float:
    return soundfile.info(io.BytesIO(wav)).duration


def test_record_cut_and_continue(visit_site: Visit) -> None:
    site = visit_site()
    page = site.page
    expect(page.locator("#cut-view")).to_have_count(0)
    site.record(4)
    expect(site.prompt_note).to_contain_text("level")
    expect(page.locator(".cut-caption")).to_contain_text("Prompt: 0.0 to 3.0 s")
    site.fill("cut-start", 0.5)
    site.fill("cut-length", 2)
    expect(page.locator(".cut-caption")).to_contain_text("Prompt: 0.5 to 2.5 s")
    site.settings(seconds=2, takes=2)
    site.go.click()
    site.finish()
    expect(site.take(1)).to_be_visible()
    expect(site.take(2)).to_be_visible()
    expect(site.take(3)).not_to_be_visible()
    assert seconds_of(site.save(1, "wav")) == 4.0
    assert len(page.locator("#figure .js-plotly-plot").first.inner_text()) > 50


def test_the_cut_can_be_dragged_on_the_waveform(cleared_site: Site, clips: dict[str, Path]) -> None:
    site = cleared_site
    site.upload(clips["high"])
    surface = site.page.locator(".cut-surface")
    box = surface.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    site.page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    site.page.mouse.down()
    site.page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=5)
    site.page.mouse.up()
    expect(site.number("cut-start")).to_have_value("1")
    expect(site.page.locator(".cut-caption")).to_contain_text("Prompt: 1.0 to 4.0 s of 5.0 s")


def test_an_example_is_heard_before_it_is_chosen(cleared_site: Site) -> None:
    site = cleared_site
    page = site.page
    sounds = page.locator("#example-sounds [data-playing]")
    page.get_by_role("button", name="Hear: A storyteller").click()
    expect(sounds).to_have_attribute("data-playing", "2")
    page.get_by_role("button", name="Hear: A deep voice").click()
    expect(sounds).to_have_attribute("data-playing", "0")
    page.get_by_role("button", name="Stop: A deep voice").click()
    expect(sounds).to_have_attribute("data-playing", "")
    expect(page.locator("#examples input:checked")).to_have_count(0)
    expect(site.prompt_note).to_contain_text("choose a clip")  # nothing was chosen


def test_after_a_gap_more_sound_is_kept_in_hand(cleared_site: Site) -> None:
    """On a busy machine the sound stops once for a second, not at every second."""
    site = cleared_site
    page = site.page
    page.evaluate("undertoneArmPlayer()")
    page.evaluate("""() => {
        const chunk = btoa(String.fromCharCode(...new Uint8Array(3200 * 2).fill(1)));  // a fifth of a second
        const chunks = [];
        window.say = (count, done) => {
            for (let i = 0; i < count; i++) chunks.push(chunk);
            window.undertoneLive({ run: "a", chunks: [...chunks], done, prompt: 0 });
        };
    }""")
    page.evaluate("say(2, false)")
    expect(site.live).to_have_attribute("data-playing", "true")
    expect(site.live).to_have_attribute("data-playing", "false")  # it ran dry
    page.evaluate("say(1, false)")
    expect(site.live).to_have_attribute("data-gaps", "1")
    expect(site.live).to_have_attribute("data-playing", "false")
    expect(site.live).to_contain_text("Waiting for more sound")
    page.evaluate("say(4, false)")  # a second in hand
    expect(site.live).to_have_attribute("data-playing", "true")
    expect(site.live).to_have_attribute("data-playing", "false")
    page.evaluate("say(1, false)")
    expect(site.live).to_have_attribute("data-lead", "2")
    page.evaluate("say(0, true)")  # the end is played, however little it is
    expect(site.live).to_have_attribute("data-playing", "true")


def test_the_first_take_is_heard_while_it_is_made(visit_site: Visit, clips: dict[str, Path]) -> None:
    site = visit_site()
    site.settings(seconds=8, takes=1)  # first: what is made ahead is of the settings that it was made with
    site.upload(clips["low"])
    expect(site.prompt_note).to_contain_text("Good level")
    expect(site.opening).to_have_attribute("data-ready", "true")
    held: list[Route] = []
    site.page.route("**/gradio_api/**", lambda route: held.append(route))
    site.go.click()
    expect(site.live).to_have_attribute("data-playing", "true")  # before the server knows of the press
    expect(site.live).to_have_attribute("data-part", "prompt")
    for request in held:
        request.continue_()
    site.page.unroute("**/gradio_api/**")
    expect(site.cancel).to_be_visible()  # sound comes before the run is over
    expect(site.live).to_have_attribute("data-part", "prompt")
    expect(site.live).to_contain_text("your own prompt, as the model says it")
    site.page.get_by_role("button", name="Skip to the continuation").click()
    expect(site.live).to_have_attribute("data-part", "continuation")
    expect(site.page.get_by_role("button", name="Skip to the continuation")).not_to_be_visible()
    site.finish()
    frames = 3 * 50 + 8 * 50
    expect(site.live).to_have_attribute("data-samples", str(frames * 320))


def test_cancel_stops_the_run_and_keeps_everything(visit_site: Visit, clips: dict[str, Path]) -> None:
    site = visit_site()
    site.upload(clips["low"])
    site.settings(seconds=1, seed=5)
    site.go.click()
    site.finish()
    before = site.save_both(1)
    site.settings(seconds=17, takes=4, seed=6, steps=100)
    site.go.click()
    left = site.seconds_to_go()
    site.cancel.click()
    expect(site.run_note).to_contain_text("Cancelled")
    expect(site.go).to_be_visible()
    assert site.save_both(1) == before
    site.settings(seconds=1, seed=5)
    began = time.monotonic()
    site.go.click()  # the engine is free again at once: this would wait behind a run that went on
    wait_for_words(site.run_note, "made with seed 5")
    assert time.monotonic() - began < left
    assert site.save_both(1) == before


def test_a_visitor_who_leaves_does_not_keep_the_model_busy(visit_site: Visit, clips: dict[str, Path]) -> None:
    gone, here = visit_site(), visit_site()
    gone.upload(clips["low"])
    gone.settings(seconds=17, takes=4, steps=100)
    here.upload(clips["high"])
    here.settings(seconds=1, seed=4)
    gone.go.click()
    left = gone.seconds_to_go()
    gone.page.close()
    began = time.monotonic()
    here.go.click()
    wait_for_words(here.run_note, "made with seed 4")
    assert time.monotonic() - began < left


def test_saved_settings_give_the_same_bytes_again(visit_site: Visit, clips: dict[str, Path], tmp_path: Path) -> None:
    site = visit_site()
    site.upload(clips["high"])
    expect(site.prompt_note).to_contain_text("Good level")
    site.fill("cut-start", 1.3)
    site.settings(seconds=2, takes=2)
    site.go.click()
    site.finish()
    sound, settings = site.save(2, "wav"), site.save(2, "json")
    (tmp_path / "take.json").write_bytes(settings)

    again = visit_site()
    with again.page.expect_file_chooser() as chooser:
        again.page.get_by_role("button", name="Load saved settings").click()
    chooser.value.set_files(tmp_path / "take.json")
    expect(again.run_note).to_contain_text("are loaded")
    again.upload(clips["high"])
    expect(again.prompt_note).to_contain_text("Good level")
    expect(again.number("cut-start")).to_have_value("1.3")
    again.go.click()
    again.finish()
    expect(again.run_note).to_contain_text("Take 2 is the saved one again")
    assert again.save(2, "wav") == sound
    assert again.save(2, "json") == settings


def test_two_visitors_at_once_get_their_own_results(visit_site: Visit, clips: dict[str, Path]) -> None:
    low, high = visit_site(), visit_site()
    low.upload(clips["low"])
    high.upload(clips["high"])
    for site in (low, high):
        expect(site.prompt_note).to_contain_text("Good level")
    low.settings(seconds=8, seed=11, steps=100)  # seconds on any machine, for the other one to come meanwhile
    high.settings(seconds=4, seed=22)
    high.page.evaluate(NOTE_WHAT_IS_SAID)
    low.go.click()
    low.seconds_to_go()
    high.go.click()
    together = []
    for site in (low, high):
        site.finish()
        together.append(site.save_both(1))
    expect(low.run_note).to_contain_text("seed 11")
    expect(high.run_note).to_contain_text("seed 22")
    said = high.page.evaluate("window.said")
    assert any(re.fullmatch(r"Waiting for the model. You are next, about \d+ s", text) for text in said), said
    assert together[0] != together[1]
    high.go.click()  # alone now
    expect(high.page.locator("#run-choice").get_by_label("Run 2:")).to_be_checked(timeout=120_000)
    high.finish()
    assert high.save_both(1) == together[1]


def test_a_blind_comparison_tells_only_after_the_choice(finished: Site) -> None:
    site = finished
    blind = site.page.locator("#blind")
    blind.locator("> button").click()
    site.page.locator("#blind-start").click()
    players = site.page.locator(".blind-sounds")
    players.get_by_role("button", name="Play X").click()
    expect(players.get_by_role("button", name="Stop X")).to_be_visible()
    players.get_by_role("button", name="Play Y").click()
    expect(players.get_by_role("button", name="Play X")).to_be_visible()
    # Neither a waveform nor a length, by which one would know the takes above again.
    assert site.page.locator("#blind canvas, #blind audio, #blind .waveform-container").count() == 0
    assert not re.search(r"\d", players.inner_text())
    expect(blind).not_to_contain_text(re.compile(r"X was|Y was"))
    site.page.locator("#prefer-y").click()
    expect(site.page.locator("#blind-note")).to_contain_text(
        re.compile(r"You preferred Y: take [12]\. X was take [12], Y was take [12]\.")
    )
    expect(site.page.locator("#prefer-x")).not_to_be_visible()


def test_the_figure_shows_the_take_that_is_chosen(finished: Site) -> None:
    site = finished
    site.page.locator("#figure-choice").get_by_label("Take 2").check()
    site.page.wait_for_function(f"{CURVE} !== window.firstCurve")
    names = site.page.evaluate(f"{FIGURE}.map(trace => trace.name).join(' ')")
    assert names == "prompt continuation mel F0 energy tokens token words z1 z2 z3 z4"
    link = site.page.locator("#open-prosody").get_attribute("href") or ""
    assert re.search(r"/prosody/\?take=[\w-]{20,}$", link)


def test_the_continuation_is_marked_in_the_player_and_can_be_heard_from_there(finished: Site) -> None:
    site, page = finished, finished.page
    mark = page.locator("#take-1 .take-boundary")
    expect(mark).to_be_attached()
    expect(site.take(1)).to_contain_text("Prompt until 3.0 s, then the continuation.")
    share = """() => {
        const mark = document.querySelector("#take-1 .take-boundary").getBoundingClientRect();
        const wave = document.querySelector("#take-1 .waveform-container").getBoundingClientRect();
        return (mark.left - wave.left) / wave.width;
    }"""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        wait_until_still(page)
        assert abs(page.evaluate(share) - 3 / 5) < 0.02
    jumps = page.get_by_role("button", name="Hear from the continuation")
    jumps.nth(0).click()
    first, second = site.sound(1), site.sound(2)
    expect(first).to_have_attribute("data-playing", "true")
    assert float(first.get_attribute("data-seconds") or 0) >= 3.0
    jumps.nth(1).click()  # one take at a time
    expect(second).to_have_attribute("data-playing", "true")
    expect(first).to_have_attribute("data-playing", "false")


def test_a_playhead_in_the_figure_follows_the_sound(finished: Site) -> None:
    site, page = finished, finished.page
    page.evaluate("""() => {
        window.drawn = 0;
        document.querySelector("#figure .js-plotly-plot").on("plotly_afterplot", () => { window.drawn += 1; });
    }""")
    playhead = page.locator("#figure .playhead")
    page.get_by_role("button", name="Hear from the continuation").first.click()
    expect(playhead).to_have_attribute("data-seconds", re.compile(r"^[34]\.\d"))
    expect(site.sound(1)).to_have_attribute("data-playing", "false")  # the end
    expect(playhead).to_have_attribute("data-seconds", "5.00")
    assert page.evaluate("window.drawn") < 5  # only the line has moved: some hundred times, and a page may settle late
    page.locator("#figure-choice").get_by_label("Take 2").check()
    expect(playhead).not_to_be_visible()  # the figure shows another take


def test_earlier_runs_are_shown_again_and_compared(visit_site: Visit, clips: dict[str, Path]) -> None:
    site = visit_site()
    page = site.page
    site.upload(clips["low"])
    saved = []
    for seed in (5, 6):
        site.settings(seconds=1, takes=2, seed=seed)
        site.go.click()
        wait_for_words(site.run_note, f"made with seed {seed}")
        saved.append(site.save_both(2))
    assert saved[0] != saved[1]
    runs = page.locator("#run-choice")
    expect(page.locator("#kept-runs")).to_contain_text("6 runs are kept")
    for number in (1, 2, 1, 2, 1):  # a storm of clicks ends with the last
        runs.get_by_label(f"Run {number}:").click()
    expect(site.take(1)).to_contain_text("seed 5")
    wait_until_still(page)
    expect(runs.get_by_label("Run 1:")).to_be_checked()
    assert site.save_both(2) == saved[0]
    page.locator("#blind > button").click()
    page.locator("#blind-second input").click()
    page.get_by_role("option", name="Run 2, take 1").click()
    page.locator("#blind-start").click()
    page.locator("#prefer-y").click()
    expect(page.locator("#blind-note")).to_contain_text("run 2, take 1")


def test_another_system_goes_on_from_the_same_prompt(visit_site: Visit, clips: dict[str, Path]) -> None:
    site = visit_site()
    page = site.page
    site.upload(clips["low"])
    site.settings(seconds=1, takes=1, seed=5)
    site.go.click()
    site.finish()
    page.locator("#others").click()
    wait_for_words(site.run_note, "2 systems went on from the same prompt with seed 5")
    expect(site.take(1)).to_contain_text("VAE-GSLM")
    expect(site.take(2)).to_contain_text("Token-LM")
    expect(site.take(2).locator("audio, #take-2-player").first).to_be_attached()
    expect(page.locator("#others")).to_be_disabled()
    expect(page.locator("#run-choice")).to_contain_text("Run 2: VAE-GSLM, Token-LM, seed 5")
    page.locator("#figure-choice").get_by_label("Token-LM").check()
    expect(page.locator("#open-prosody")).to_be_disabled()
    assert not serious_findings(page)
    page.locator("#run-choice").get_by_label("Run 1").check()
    expect(page.locator("#others")).to_be_enabled()
    expect(page.locator("#open-prosody")).to_be_enabled()


def test_a_take_goes_on_from_its_end_and_says_so(visit_site: Visit, clips: dict[str, Path]) -> None:
    site = visit_site()
    page = site.page
    site.upload(clips["low"])
    site.settings(seconds=2, takes=1, seed=5)
    site.go.click()
    site.finish()
    before = json.loads(site.save(1, "json"))
    page.locator("#take-1-onward").click()
    expect(page.locator("#run-choice").get_by_label("Run 2:")).to_be_checked(timeout=120_000)
    site.finish()
    expect(page.locator(".cut-caption")).to_contain_text("Prompt: 0.0 to 5.0 s of 5.0 s")
    expect(site.take(1)).to_contain_text("The prompt is the end of take 1 with seed 5")
    after = json.loads(site.save(1, "json"))
    assert after["prompt_take"] == before
    assert seconds_of(site.save(1, "wav")) == 7.0
    site.go.click()  # what is on the page gives the same again
    expect(page.locator("#run-choice").get_by_label("Run 3:")).to_be_checked(timeout=120_000)
    assert json.loads(site.save(1, "json")) == after


def test_hum_is_taken_away_from_a_clip_which_can_come_back(visit_site: Visit, tmp_path: Path) -> None:
    hum = 0.04 * torch.sin(2 * torch.pi * 50 * torch.arange(64_000) / 16_000)
    site = visit_site(width=390)
    page = site.page
    site.upload(write_wav16(tmp_path / "hum.wav", speechlike(4.0, hz=130) + hum))
    expect(site.prompt_note).to_contain_text("Hum of 50 Hz")
    site.fill("cut-start", 0.5)
    page.get_by_role("button", name="Take the hum away").click()
    expect(site.prompt_note).to_contain_text("Good level")
    expect(site.prompt_note).to_contain_text("hum of 50 Hz, which was taken away")
    expect(site.number("cut-length")).to_have_value("3")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the repaired clip").click()
    assert len(read_audio(download.value.path())[0]) == 48_000
    assert site.width() == 390
    site.settings(seconds=1.0, seed=3)
    site.go.click()
    site.finish()
    assert json.loads(site.save(1, "json"))["prompt_end_seconds"] == 3.0
    page.get_by_role("button", name="Use the clip as it was").click()
    expect(site.prompt_note).to_contain_text("Hum of 50 Hz")
    expect(site.number("cut-start")).to_have_value("0.5")
