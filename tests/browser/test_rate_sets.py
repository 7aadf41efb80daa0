"""Trials of several clips in a real browser: best-worst and preference by keyboard and thumb, MUSHRA's sliders."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.rate_site import DESKTOP, PHONE, Arrive, RaterPage
from tests.browser.test_rate import check_access
from tests.rating_study import SHORT_FLOW

PICTURES = os.environ.get("UNDERTONE_TEST_PICTURES")  # a folder: what the pages look like is written there
ROLES = ("system", "ground_truth", "low_anchor", "system")
DEVICES = pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])


def of_kind(trials: dict[str, Any], scale: str) -> dict[str, Any]:
    systems = [
        {"name": f"zebra{index}", "role": role, "source": {"kind": "folder", "folder": "x"}}
        for index, role in enumerate(ROLES)
    ]
    allocation = {"trials_per_session": 2, "raters_per_stimulus": 9}
    return {
        "trials": trials,
        "scales": [scale],
        "systems": systems,
        "golds": [],
        "traps": [],
        "allocation": allocation,
        "sections": SHORT_FLOW,
    }


def picture(rater: RaterPage, name: str) -> None:
    assert rater.width() <= rater.page.viewport_size["width"]  # type: ignore[index]
    check_access(rater.page)
    if PICTURES:
        rater.page.screenshot(path=Path(PICTURES) / f"{name}-{rater.page.viewport_size['width']}.png", full_page=True)  # type: ignore[index]


def ready(rater: RaterPage) -> None:
    """Every clip was heard: the answers are open."""
    expect(rater.page.locator("fieldset.scale:disabled")).to_have_count(0)


@DEVICES
def test_best_and_worst_of_four(arrive: Arrive, device: dict[str, Any]) -> None:
    rater = arrive(device, **of_kind({"kind": "best_worst", "clips": 4}, "best-worst"))
    rater.agree()
    expect(rater.heading).to_have_text("Trial 1 of 2")
    expect(rater.page.locator("fieldset.scale:disabled")).to_have_count(2)
    for number in range(1, 5):
        rater.press(f"▶ Play clip {number}")
        expect(rater.page.get_by_role("button", name=f"▶ Play clip {number} again")).to_be_visible()
    ready(rater)
    best, worst = (rater.page.get_by_role("group", name=re.compile(word)) for word in ("best?", "worst?"))
    best.get_by_label("Clip 2").check()
    worst.get_by_label("Clip 3").check()
    picture(rater, "best-worst")
    worst.get_by_label("Clip 2").check()
    expect(best.get_by_role("radio", checked=True)).to_have_count(0)  # one clip cannot be both
    best.get_by_label("Clip 4").check()
    expect(rater.page.locator(".state.is-saved")).to_have_count(2)
    rater.page.reload()
    expect(worst.get_by_label("Clip 2")).to_be_checked()
    expect(best.get_by_label("Clip 4")).to_be_checked()
    rater.press("Next")
    expect(rater.heading).to_have_text("Trial 2 of 2")
    assert rater.ratings() == [0, -1, 0, 1]


def test_best_and_worst_by_keyboard_alone(arrive: Arrive) -> None:
    rater = arrive(**of_kind({"kind": "best_worst", "clips": 3}, "best-worst"))
    rater.agree()
    expect(rater.heading).to_have_text("Trial 1 of 2")
    expect(rater.page.get_by_role("button", name="▶ Play clip 3")).to_be_visible()
    for number in range(1, 4):
        rater.page.keyboard.press("Space")
        expect(rater.page.get_by_role("button", name=f"▶ Play clip {number} again")).to_be_visible()
    ready(rater)
    rater.page.keyboard.press("3")
    rater.page.keyboard.press("1")
    expect(rater.page.locator(".state.is-saved")).to_have_count(2)
    rater.page.keyboard.press("Enter")
    expect(rater.heading).to_have_text("Trial 2 of 2")
    assert rater.ratings() == [-1, 0, 1]


@DEVICES
def test_practice_of_sets_says_what_was_expected(arrive: Arrive, device: dict[str, Any]) -> None:
    values = (1, -1, None)
    clips = [
        {"system": f"zebra{index}", "prompt": "prompt0", "expected": {"best-worst": {"value": value}} if value else {}}
        for index, value in enumerate(values)
    ]
    flow = (SHORT_FLOW[0], {"kind": "training"}, *SHORT_FLOW[1:])
    kind = of_kind({"kind": "best_worst", "clips": 3}, "best-worst")
    rater = arrive(device, **{**kind, "sections": flow, "training": [{"clips": clips, "feedback": "One is noise."}]})
    rater.agree()
    expect(rater.heading).to_have_text("Practice trial 1 of 1")
    expect(rater.page.get_by_text("These answers do not count")).to_be_visible()
    for number in range(1, 4):
        rater.press(f"▶ Play clip {number}")
        expect(rater.page.get_by_role("button", name=f"▶ Play clip {number} again")).to_be_visible()
    ready(rater)
    best, worst = (rater.page.get_by_role("group", name=re.compile(word)) for word in ("best?", "worst?"))
    best.get_by_label("Clip 1").check()
    worst.get_by_label("Clip 2").check()
    expect(rater.page.locator(".state.is-saved")).to_have_count(2)
    rater.press("Check my answers")
    expect(rater.heading).to_have_text("Practice: your answers")
    notes = rater.page.get_by_text(re.compile(r"^Best and worst of clip [123]: (as expected|we would have expected)"))
    expect(notes).to_have_count(2)
    expect(rater.page.get_by_text("One is noise.")).to_be_visible()
    picture(rater, "practice-of-sets")
    rater.press("Continue")
    expect(rater.heading).to_have_text("Trial 1 of 2")


@DEVICES
def test_a_preference_with_reasons(arrive: Arrive, device: dict[str, Any]) -> None:
    reasons = [{"name": "clear", "text": "It is easier to understand"}, {"name": "real", "text": "It is like a person"}]
    rater = arrive(device, **of_kind({"kind": "preference", "reasons": reasons}, "ccr"))
    rater.agree()
    for which in ("first", "second"):
        rater.press(f"▶ Play the {which} clip")
        expect(rater.page.get_by_role("button", name=f"▶ Play the {which} clip again")).to_be_visible()
    ready(rater)
    rater.page.get_by_label("Slightly better").check()
    rater.page.get_by_label("It is like a person").check()
    picture(rater, "preference")
    rater.press("Next")
    expect(rater.heading).to_have_text("Trial 2 of 2")
    assert rater.ratings() == [-1, 1, 1]


@DEVICES
def test_mushra_switches_between_clips_at_one_position(arrive: Arrive, device: dict[str, Any]) -> None:
    rater = arrive(device, **of_kind({"kind": "mushra"}, "mushra"))
    rater.agree()
    expect(rater.heading).to_have_text("Trial 1 of 2")
    rater.press("Reference")
    for number in range(1, 5):
        rater.press(f"Clip {number}")
        slider = rater.page.get_by_role("slider", name=f"Quality of clip {number}")
        for _ in range(20):  # from where it was switched to its end, and once more from the beginning
            if slider.is_enabled():
                break
            rater.page.wait_for_timeout(400)
            if rater.page.get_by_role("button", name="▶ Play").is_visible():
                rater.press("▶ Play")
        expect(slider).to_be_enabled()
        slider.focus()
        rater.page.keyboard.press("End" if number == 1 else "ArrowRight")
    expect(rater.page.locator(".state.is-saved")).to_have_count(4)
    picture(rater, "mushra")
    rater.press("Next")
    expect(rater.heading).to_have_text("Trial 2 of 2")
    assert rater.ratings() == [100, 51, 51, 51]
