"""A rater's session in a real browser: with mouse, keyboard or thumb, through reloads, restarts and lost networks."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe_findings import serious_findings
from tests.browser.rate_site import DESKTOP, PHONE, Arrive, RaterPage, RateServer
from tests.browser.states import wait_until_still
from tests.rating_study import CONSENT, FULL_FLOW, HEADPHONES
from undertone.studies.sessions.headphones import right_answer, tone_orders

FEW_TONES = {"kind": "headphones", "trials": 2, "pass_at_least": 2}
TWO_CLIPS = {"allocation": {"trials_per_session": 2, "raters_per_stimulus": 9}}


def check_access(page: Page) -> None:
    """Check that axe-core finds nothing serious on what is shown now."""
    assert serious_findings(page) == []


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_whole_session_from_the_link_to_the_code(arrive: Arrive, device: dict[str, Any]) -> None:
    completion = {"finished": {"code": "C1DONE", "url": "https://panel.example/?cc={code}", "text": "Thank you!"}}
    flow = FULL_FLOW if device is DESKTOP else tuple(FEW_TONES if s is HEADPHONES else s for s in FULL_FLOW)
    rater = arrive(device, "?PROLIFIC_PID=5f00", sections=flow, completion=completion)
    page, width = rater.page, device["viewport"]["width"]

    def look() -> None:
        check_access(page)
        assert rater.width() <= width

    expect(rater.heading).to_have_text("How does it sound?")
    look()
    rater.agree()
    expect(rater.heading).to_have_text("First, a few questions")
    look()
    rater.fill_eligibility()
    expect(rater.heading).to_have_text("Set your volume")
    look()
    rater.set_volume()
    expect(rater.heading).to_contain_text("Headphones on")
    look()
    rater.pass_headphones(6 if device is DESKTOP else 2)
    rater.rate("Practice clip 1 of 1", first=5, go_on="Check my answers")
    expect(page.locator("#card")).to_contain_text("Naturalness: as expected.")
    look()
    rater.press("Continue")
    rater.rate("Clip 1 of 3")
    rater.rate("Clip 2 of 3")
    expect(rater.heading).to_have_text("A short break")
    look()
    rater.press("Go on")
    rater.hear("Clip 3 of 3")
    look()
    assert_large_enough(page)
    rater.choose("Naturalness", 1)
    rater.choose("Meaningfulness", 2)
    expect(page.locator(".state.is-saved")).to_have_count(2)
    rater.press("Next clip")
    expect(rater.heading).to_have_text("About you")
    rater.press("Continue")
    expect(rater.note).to_contain_text("Please answer: Your gender?")
    look()
    page.get_by_label("Prefer not to say").check()
    page.get_by_label("Radio").check()
    rater.press("Continue")
    expect(rater.heading).to_have_text("You have finished")
    expect(page.locator("#completion")).to_have_text("C1DONE")
    expect(page.get_by_role("link", name="Return")).to_have_attribute("href", "https://panel.example/?cc=C1DONE")
    look()
    assert rater.ratings() == [4, 5, 4, 3, 4, 3, 2, 1]
    assert rater.session().device["kind"] == ("phone" if device is PHONE else "desktop")
    page.reload()
    expect(page.locator("#completion")).to_have_text("C1DONE")


def assert_large_enough(page: Page) -> None:
    for selector in (".button", ".scale label", ".link", ".player input"):
        for element in page.locator(selector).all():
            box = element.bounding_box()
            if box is not None:
                assert box["height"] >= 44, f"{selector} is {box['height']} px high"


def test_everything_can_be_done_with_the_keyboard(arrive: Arrive) -> None:
    rater = arrive(sections=(CONSENT, FEW_TONES, {"kind": "rating"}), **TWO_CLIPS)
    page, keys = rater.page, rater.page.keyboard
    expect(rater.heading).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    for index, order in enumerate(tone_orders(rater.session().seed, 2)):
        expect(rater.heading).to_have_text(f"Headphones on, please: {index + 1} of 2")
        expect(page.locator("#play")).to_have_text("▶ Play")
        keys.press("Space")
        expect(page.locator("fieldset.scale:disabled")).to_have_count(0)
        keys.press(str(right_answer(order)))
        keys.press("Enter")
    for clip in (1, 2):
        expect(rater.heading).to_have_text(f"Clip {clip} of 2")
        keys.press("4")  # too early
        expect(rater.note).to_contain_text("listen to the whole clip first")
        expect(page.locator("#play")).to_have_text("▶ Play")
        keys.press("Space")
        expect(page.locator("fieldset.scale:disabled")).to_have_count(0)
        keys.press("Enter")
        expect(rater.note).to_contain_text("Please answer: Naturalness")
        keys.press("2")
        keys.press("5")
        expect(page.locator(".state.is-saved")).to_have_count(2)
        keys.press("Enter")
    expect(rater.heading).to_have_text("You have finished")
    assert rater.ratings() == [5, 2, 5, 2]


def test_nothing_is_chosen_beforehand_and_the_first_play_cannot_be_skipped(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    expect(rater.heading).to_have_text("Clip 1 of 2")
    page = rater.page
    expect(page.locator("input:checked")).to_have_count(0)
    expect(page.locator("fieldset.scale:disabled")).to_have_count(2)
    expect(page.locator(".player input[type=range]")).to_be_hidden()
    expect(page.locator("#play")).to_have_text("▶ Play")
    wait_until_still(page)
    assert page.locator(".player progress").get_attribute("value") == "0"  # it does not start by itself
    rater.hear("Clip 1 of 2")
    expect(page.locator(".player input[type=range]")).to_be_visible()
    expect(page.locator("input:checked")).to_have_count(0)
    for words in ("as if a real person were speaking", "how they follow from the beginning of the clip"):
        expect(page.locator("#card")).to_contain_text(words)


def test_the_next_clip_is_loaded_ahead_but_waits_to_be_played(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    sounds: list[str] = []
    rater.page.on("request", lambda request: sounds.append(request.url) if "/audio/" in request.url else None)
    rater.agree()
    rater.rate("Clip 1 of 2")
    expect(rater.heading).to_have_text("Clip 2 of 2")
    assert len(sounds) == 2
    wait_until_still(rater.page)
    assert len(sounds) == 2
    expect(rater.page.locator("#play")).to_have_text("▶ Play")


def test_a_reload_in_the_middle_keeps_the_place_and_the_answers(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    rater.choose("Naturalness", 2)
    expect(rater.page.locator(".state.is-saved")).to_have_count(1)
    rater.page.reload()
    expect(rater.scale("Naturalness").locator("input:checked")).to_have_value("2")
    expect(rater.page.locator("fieldset.scale:disabled")).to_have_count(0)  # it was heard before
    rater.choose("Meaningfulness", 5)
    expect(rater.page.locator(".state.is-saved")).to_have_count(2)
    rater.press("Next clip")
    rater.rate("Clip 2 of 2")
    expect(rater.heading).to_have_text("You have finished")
    assert rater.ratings() == [5, 2, 4, 3]


def test_the_server_is_killed_and_started_again_in_the_middle(arrive: Arrive, rate_server: RateServer) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    rater.choose("Naturalness", 2)
    expect(rater.page.locator(".state.is-saved")).to_have_count(1)
    rate_server.kill()
    rater.choose("Meaningfulness", 4)
    expect(rater.page.locator("#connection")).to_contain_text("No connection")
    expect(rater.scale("Meaningfulness")).to_contain_text("Saving …")
    check_access(rater.page)
    rate_server.start()
    expect(rater.page.locator(".state.is-saved")).to_have_count(2)
    expect(rater.page.locator("#connection")).to_be_hidden()
    rater.press("Next clip")
    rater.rate("Clip 2 of 2")
    expect(rater.heading).to_have_text("You have finished")
    assert rater.ratings() == [4, 2, 4, 3]


def test_an_answer_given_without_a_network_survives_even_a_crash_of_the_page(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    context = rater.page.context
    rater.page.route("**/rate/api/**", lambda route: route.abort())
    rater.choose("Naturalness", 1)
    rater.choose("Naturalness", 5)  # the later answer counts
    expect(rater.page.locator("#connection")).to_be_visible()
    assert rater.ratings() == []
    address = rater.page.url
    rater.page.close()
    rater.page = context.new_page()
    rater.page.goto(address)
    expect(rater.scale("Naturalness").locator("input:checked")).to_have_value("5")
    assert rater.ratings() == [5]


def test_two_tabs_show_the_same_place(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    rater.choose("Naturalness", 2)
    expect(rater.page.locator(".state.is-saved")).to_have_count(1)
    other = RaterPage(rater.page.context.new_page(), rater.db, rater.study)
    other.page.goto(rater.page.url)
    other.choose("Naturalness", 3)
    other.choose("Meaningfulness", 3)
    expect(other.page.locator(".state.is-saved")).to_have_count(2)
    other.press("Next clip")
    expect(other.heading).to_have_text("Clip 2 of 2")
    rater.choose("Naturalness", 5)
    expect(rater.heading).to_have_text("Clip 2 of 2")
    expect(rater.note).to_contain_text("perhaps in another tab")
    assert rater.ratings() == [3, 3]


def test_the_code_goes_on_on_a_phone(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.rate("Clip 1 of 2")
    expect(rater.heading).to_have_text("Clip 2 of 2")
    code = rater.page.locator("#code").inner_text()
    phone = arrive(PHONE, path="/rate")
    expect(phone.heading).to_have_text("Go on with your session")
    check_access(phone.page)
    phone.page.get_by_label("Your code").fill("wrong")
    phone.press("Go on")
    expect(phone.note).to_contain_text("We do not know this code")
    phone.page.get_by_label("Your code").fill(code.upper())
    phone.press("Go on")
    phone.rate("Clip 2 of 2")
    expect(phone.heading).to_have_text("You have finished")


def test_withdrawing_deletes_and_says_so(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.rate("Clip 1 of 2")
    expect(rater.heading).to_have_text("Clip 2 of 2")
    rater.press("Stop and delete my data")
    check_access(rater.page)
    rater.press("Keep my answers")
    expect(rater.heading).to_have_text("Clip 2 of 2")
    rater.press("Stop and delete my data")
    rater.press("Delete my data")
    expect(rater.heading).to_have_text("Your data has been deleted")
    assert rater.ratings() == []


def test_a_clip_may_be_heard_again_only_as_often_as_the_study_says(arrive: Arrive) -> None:
    rater = arrive(limits={"max_replays": 1}, **TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    play = rater.page.locator("#play")
    expect(play).to_have_text("▶ Play again")
    play.click()
    expect(play).to_have_text("Played")
    expect(play).to_have_attribute("aria-disabled", "true")


def test_two_versions_are_compared_in_one_clip(arrive: Arrive) -> None:
    rater = arrive(comparison="ab", scales=["preference"], training=[], golds=[], traps=[], **TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    rater.page.keyboard.press("4")
    expect(rater.page.locator(".state.is-saved")).to_have_count(1)
    expect(rater.scale("Preference").locator("label").nth(3)).to_contain_text("The second is a little better")
    assert rater.ratings() == [1]


def test_a_study_that_is_not_there_is_said_in_words(arrive: Arrive) -> None:
    rater = arrive(path="/rate/nothing")
    expect(rater.note).to_contain_text("There is no such study")
    check_access(rater.page)


def test_the_sign_in_page_has_no_serious_defect(arrive: Arrive) -> None:
    for device in (DESKTOP, PHONE):
        rater = arrive(device, path="/sign-in")
        expect(rater.page.get_by_role("heading", name="Sign in")).to_be_visible()
        check_access(rater.page)
        assert rater.width() <= device["viewport"]["width"]
