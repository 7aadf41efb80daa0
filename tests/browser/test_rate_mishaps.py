"""What happens to raters beside the plan: lost answers, other networks, shared computers, no consent."""

import json

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import func, select

from tests.browser.rate_site import PHONE, Arrive, RaterPage
from tests.browser.test_rate import TWO_CLIPS, check_access
from tests.rating_study import CONSENT
from undertone.studies.store import Database
from undertone.studies.store.tables import Participant, Session

PAUSED = {"error": {"word": "read_only", "text": "The study is paused for a moment.", "wait_seconds": 0.1}}
PORTAL = "<html><body>Welcome to the hotel. Sign in.</body></html>"
WITH_RATING = {"sections": (CONSENT, {"kind": "rating"})}


def sessions_of(db: Database, study: str) -> int:
    with db.reading() as transaction:
        return transaction.scalar(select(func.count()).select_from(Session).where(Session.study_id == study)) or 0


def loses_one_answer(route: Route) -> None:
    """Let the server do what was asked, and lose what it says."""
    route.fetch()
    route.abort()


@pytest.mark.parametrize("query", ["", "?PROLIFIC_PID=5f00&SESSION_ID=s1"], ids=["link", "panel"])
def test_a_lost_answer_to_the_beginning_begins_nothing_twice(arrive: Arrive, query: str) -> None:
    rater = arrive(query=query, **TWO_CLIPS)
    expect(rater.heading).to_have_text("How does it sound?")
    page = rater.page.context.browser.new_context().new_page()  # type: ignore[union-attr]
    other = RaterPage(page, rater.db, rater.study)
    page.route("**/rate/api/begin", loses_one_answer, times=1)
    page.goto(rater.page.url.replace("5f00", "5f01"))
    other.agree()
    expect(other.heading).to_have_text("Clip 1 of 2")
    assert sessions_of(rater.db, rater.study) == 2
    page.context.close()


def test_the_same_panel_link_in_another_browser_goes_on_where_the_person_is(arrive: Arrive) -> None:
    rater = arrive(query="?PROLIFIC_PID=5f00", **TWO_CLIPS)
    rater.agree()
    rater.rate("Clip 1 of 2")
    expect(rater.heading).to_have_text("Clip 2 of 2")
    second = arrive(PHONE, query="?PROLIFIC_PID=5f00")
    expect(second.heading).to_have_text("Clip 2 of 2")


def test_a_paused_server_makes_the_page_forget_nothing(arrive: Arrive) -> None:
    rater = arrive(query="?PROLIFIC_PID=5f00", **TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    page = rater.page
    paused = json.dumps(PAUSED)
    page.route("**/rate/api/**", lambda route: route.fulfill(status=503, content_type="application/json", body=paused))
    rater.choose("Naturalness", 2)
    expect(page.locator("#connection")).to_contain_text("paused for a moment")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.locator("#connection")).to_contain_text("paused for a moment")
    page.unroute("**/rate/api/**")
    expect(rater.scale("Naturalness").locator("input:checked")).to_have_value("2")
    expect(page.locator("#connection")).to_be_hidden()
    assert rater.ratings() == [2]


def test_an_answer_waits_for_the_code_when_the_session_is_not_known(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    rater.hear("Clip 1 of 2")
    code = rater.page.locator("#code").inner_text()
    refusal = {"error": {"word": "unknown_session", "text": "We do not know this session.", "wait_seconds": None}}
    rater.page.route(
        "**/rate/api/rating",
        lambda route: route.fulfill(status=401, content_type="application/json", body=json.dumps(refusal)),
        times=1,
    )
    rater.choose("Naturalness", 2)
    rater.page.get_by_label("Your code").fill(code)
    rater.press("Go on")
    expect(rater.heading).to_have_text("Clip 1 of 2")
    expect(rater.page.locator(".state.is-saved")).to_have_count(1)
    assert rater.ratings() == [2]


def test_a_page_of_the_network_is_not_kept_as_the_clip(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.page.route(
        "**/rate/api/audio/**", lambda route: route.fulfill(status=200, content_type="text/html", body=PORTAL), times=1
    )
    rater.agree()
    expect(rater.page.locator("#connection")).to_contain_text("network answered instead")
    rater.rate("Clip 1 of 2")
    expect(rater.heading).to_have_text("Clip 2 of 2")


def test_a_clip_that_arrived_broken_is_loaded_again_when_asked(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.page.route(
        "**/rate/api/audio/**", lambda route: route.fulfill(status=200, content_type="audio/flac", body="fLaC"), times=1
    )
    rater.agree()
    expect(rater.note).to_contain_text("did not arrive whole")
    rater.press("Load again")
    rater.rate("Clip 1 of 2")
    expect(rater.heading).to_have_text("Clip 2 of 2")


def test_a_second_person_on_the_same_computer_can_take_part(arrive: Arrive) -> None:
    rater = arrive(allocation={"trials_per_session": 1, "raters_per_stimulus": 9})
    rater.agree()
    rater.rate("Clip 1 of 1")
    expect(rater.heading).to_have_text("You have finished")
    code = rater.page.locator("#completion").inner_text()
    rater.page.reload()
    expect(rater.heading).to_have_text("This study was finished on this device")
    expect(rater.page.locator("#completion")).to_have_count(0)
    expect(rater.page.locator("#withdraw")).to_be_hidden()
    check_access(rater.page)
    rater.press("It was me: show my end page")
    expect(rater.page.locator("#completion")).to_have_text(code)
    rater.press("Somebody else takes part on this device")
    rater.agree()
    rater.rate("Clip 1 of 1", first=1, second=1)
    expect(rater.heading).to_have_text("You have finished")
    assert rater.page.locator("#completion").inner_text() != code
    assert sorted(rater.ratings()) == [1, 1, 3, 4]


def test_another_person_may_begin_beside_a_session_that_is_not_finished(arrive: Arrive) -> None:
    rater = arrive(**TWO_CLIPS)
    rater.agree()
    expect(rater.heading).to_have_text("Clip 1 of 2")
    code = rater.page.locator("#code").inner_text()
    rater.press("I am another person")
    expect(rater.page.locator("#handover-code")).to_have_text(code)
    check_access(rater.page)
    rater.press("Begin as another person")
    expect(rater.heading).to_have_text("How does it sound?")
    assert rater.page.locator("#code").inner_text() != code


@pytest.mark.parametrize("query", ["", "?PROLIFIC_PID=5f00"], ids=["link", "panel"])
def test_who_does_not_agree_is_asked_nothing_and_leaves_nothing(arrive: Arrive, query: str) -> None:
    declined = {"code": "NOCONSENT", "url": "https://panel.example/?cc={code}"} if query else None
    rater = arrive(query=query, completion={"declined": declined} if declined else {}, **TWO_CLIPS)
    expect(rater.page.locator("#length")).to_have_text("About 5 minutes, 2 short clips to listen to.")
    expect(rater.page.locator("#withdraw")).to_be_hidden()
    rater.press("I do not agree")
    expect(rater.heading).to_have_text("You have not taken part")
    expect(rater.page.locator("#sure")).to_be_hidden()
    check_access(rater.page)
    if query:
        link = rater.page.get_by_role("link", name="Return")
        expect(link).to_have_attribute("href", "https://panel.example/?cc=NOCONSENT")
        expect(rater.page.locator("#card")).to_contain_text("return the task")
    with rater.db.reading() as transaction:
        people = select(Participant).where(Participant.study_id == rater.study)
        assert [person.external_id for person in transaction.scalars(people)] == [None]
    rater.page.reload()
    expect(rater.heading).to_have_text("How does it sound?")  # a changed mind
