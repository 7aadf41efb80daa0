"""A rater's way through a study, and everything the server refuses on it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.rating_study import CLIP_SECONDS, CONSENT, FULL_FLOW, HEADPHONES
from tests.studies.sessions.rater import NOW, Rater
from undertone.studies.sessions import Playback, SessionError, Sessions, TrialAnswer
from undertone.studies.store import Database
from undertone.studies.store.tables import Event, Rating, Session, Trial

MakeStudy = Callable[..., str]
HEARD = Playback([(0.0, CLIP_SECONDS)], plays=1)
CHECKED: dict[str, Any] = {
    "allocation": {"trials_per_session": 3, "raters_per_stimulus": 4, "traps": 1, "golds": 1},
    "screening": {"rules": [{"kind": "traps"}, {"kind": "golds"}, {"kind": "variance"}, {"kind": "hidden"}]},
}


def refused(word: str) -> Any:
    """A context in which a SessionError of this word is raised."""

    class Refused:
        error: SessionError

        def __enter__(self) -> "Refused":
            return self

        def __exit__(self, kind: object, error: object, trace: object) -> bool:
            assert isinstance(error, SessionError), f"nothing was refused, expected {word!r}"
            assert error.word == word
            self.error = error
            return True

    return Refused()


def count(db: Database, table: type) -> int:
    with db.reading() as transaction:
        return transaction.scalar(select(func.count()).select_from(table)) or 0


def test_the_whole_way_from_consent_to_the_code(sessions: Sessions, make_study: MakeStudy, db: Database) -> None:
    rater = Rater.begin(sessions, make_study(FULL_FLOW, **CHECKED), "PID1")
    assert rater.state == "consent"
    rater.answer(agree=True)
    assert rater.state == "eligibility"
    rater.answer(answers={"hearing": "Yes"})
    assert rater.state == "volume"
    assert sessions.sound(rater.token, rater.view["sound"], rater.now).content[:4] == b"fLaC"
    rater.answer()
    assert rater.state == "headphones"
    rater.pass_headphones(right=5)
    assert rater.state == "training"
    assert rater.rate_clip(naturalness=1)["feedback"] == {
        "text": "This is speech.",
        "scales": [{"title": "Naturalness", "right": False, "expected": "4 – 5"}],
    }
    assert rater.state == "rating"
    breaks = 0
    while rater.state == "rating":
        if "break" in rater.view:
            breaks += 1
            rater.answer()
        else:
            with db.reading() as transaction:
                kind = transaction.get_one(Trial, rater.view["trial"]["id"]).kind
            rater.rate_clip(naturalness={"gold": 4, "trap": 2}.get(kind, 3), meaningfulness=2)
    assert breaks == 1
    assert rater.state == "questionnaire"
    rater.answer(answers={"age": 30, "gender": "Prefer not to say", "devices": ["Radio", "Phone"]})
    assert rater.state == "finished"
    ending = rater.view["ending"]
    assert ending["debrief"] == "Some of it was made by machines."
    row = rater.row()
    assert ending["code"] == row.completion_code
    assert row.accepted is True
    assert row.answers["about"] == {"age": 30.0, "gender": "Prefer not to say", "devices": ["Phone", "Radio"]}
    assert row.answers["consent"]["version"] == "3"
    assert {rule: verdict["passed"] for rule, verdict in row.screening.items()} == {
        "eligibility": True,
        "headphones": True,
        "traps": True,
        "golds": True,
        "variance": False,
        "hidden": True,
    }
    assert row.screening["traps"]["evidence"]["right"] == 1
    assert count(db, Rating) == 2 * 6


def test_a_wrong_answer_to_who_may_take_part_screens_out_with_a_code_of_its_own(
    sessions: Sessions, make_study: MakeStudy
) -> None:
    completion = {
        "finished": {"code": "DONE", "url": "https://panel.example/?cc={code}"},
        "screened_out": {"code": "OUT", "url": "https://panel.example/?cc={code}"},
        "timed_out": {"code": "LATE"},
    }
    study = make_study(FULL_FLOW, completion=completion)
    out = Rater.begin(sessions, study)
    out.answer(agree=True)
    out.answer(answers={"hearing": "No"})
    assert (out.state, out.view["ending"]["url"]) == ("screened_out", "https://panel.example/?cc=OUT")
    late = Rater.begin(sessions, study)
    late.wait(3600)
    late.look()
    assert (late.state, late.view["ending"]["code"]) == ("timed_out", "LATE")


def test_failing_the_headphone_test_screens_out_unless_it_is_only_noted(
    sessions: Sessions, make_study: MakeStudy
) -> None:
    for required, state in ((True, "screened_out"), (False, "rating")):
        flow = ({"kind": "headphones", "required": required}, {"kind": "rating"})
        rater = Rater.begin(sessions, make_study(flow, name=f"study-{required}".lower()))
        rater.pass_headphones(right=4)
        assert rater.state == state
        assert rater.row().screening["headphones"]["evidence"]["right"] == 4


def test_tones_cannot_be_answered_unheard(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study(({"kind": "headphones"}, {"kind": "rating"})))
    with refused("not_listened"):
        rater.answer(trial=0, choice=1)
    sessions.sound(rater.token, rater.view["tones"]["sound"], rater.now)
    rater.wait(1)
    with refused("too_early") as refusal:
        rater.answer(trial=0, choice=1)
    assert refusal.error.wait_seconds == pytest.approx(0.98 * 4 - 1)
    rater.wait(3)
    rater.answer(trial=0, choice=1)
    with refused("wrong_section"):
        rater.answer(trial=0, choice=2)


def test_a_clip_cannot_be_rated_before_it_was_heard(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    with refused("not_listened"):
        rater.rate("naturalness", 3, HEARD)  # never sent
    sessions.sound(rater.token, rater.view["trial"]["id"], rater.now)
    with refused("too_early"):
        rater.rate("naturalness", 3, HEARD)  # claimed, but there was no time for it
    rater.wait(10)
    for part in ([], [(0.0, 0.2)], [(0.0, 0.1), (0.3, 0.4)], [(0.3, 900.0)]):
        with refused("not_listened"):
            rater.rate("naturalness", 3, Playback(part))
    assert rater.rate("naturalness", 3, Playback([(0.3, 0.4), (0.0, 0.31)]))["value"] == 3


def test_a_clip_that_was_sent_ahead_still_takes_its_time(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    sessions.sound(rater.token, rater.view["preload"], rater.now)
    rater.rate_clip()
    with refused("too_early"):
        rater.rate("naturalness", 3, HEARD)
    rater.wait(CLIP_SECONDS)
    rater.rate("naturalness", 3, HEARD)


def test_only_the_current_clip_and_the_next_are_sent(sessions: Sessions, make_study: MakeStudy, db: Database) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    with db.reading() as transaction:
        trials = list(transaction.scalars(select(Trial.id).order_by(Trial.position)))
    assert [trials[0], trials[1]] == [rater.view["trial"]["id"], rater.view["preload"]]
    with refused("not_your_trial"):
        sessions.sound(rater.token, trials[2], rater.now)


def test_nobody_rates_or_hears_the_clips_of_another(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study()
    mine, other = Rater.begin(sessions, study), Rater.begin(sessions, study)
    mine.answer(agree=True)
    other.answer(agree=True)
    other.hear()
    foreign = other.view["trial"]["id"]
    for call in (
        lambda: sessions.sound(mine.token, foreign, mine.now),
        lambda: sessions.rate(mine.token, TrialAnswer(foreign, "naturalness", 3, "n", HEARD), other.now),
        lambda: sessions.heard(mine.token, foreign, HEARD, mine.now),
        lambda: sessions.finish_trial(mine.token, foreign, mine.now),
    ):
        with refused("not_your_trial"):
            call()
    for token in (
        "",
        "x",
        mine.session_id,
        mine.token[:-1],
        mine.token.split(".")[0] + "." + other.token.split(".")[1],
    ):
        with refused("unknown_session"):
            sessions.view(token, mine.now)


def test_a_rating_is_written_once_however_often_it_is_sent(
    sessions: Sessions, make_study: MakeStudy, db: Database
) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    playback = rater.hear()
    first = rater.rate("naturalness", 3, playback, nonce="same")
    assert rater.rate("naturalness", 3, playback, nonce="same") == first
    assert rater.rate("naturalness", 4, playback, nonce="new")["revision"] == 1
    rater.rate("meaningfulness", 2, playback, nonce="other")
    trial = rater.view["trial"]["id"]
    first_end = sessions.finish_trial(rater.token, trial, rater.now)["view"]
    assert sessions.finish_trial(rater.token, trial, rater.now)["view"] == first_end
    late = TrialAnswer(trial, "naturalness", 4, "new", playback)
    assert sessions.rate(rater.token, late, rater.now)["saved"] == "new"  # a retry whose acknowledgement was lost
    with refused("wrong_section"):
        sessions.rate(rater.token, TrialAnswer(trial, "naturalness", 5, "newer", playback), rater.now)
    assert count(db, Rating) == 2
    with db.reading() as transaction:
        kinds = list(transaction.scalars(select(Event.kind)))
    assert kinds.count("rated") == 3


@pytest.mark.parametrize(
    ("scale", "value"), [("naturalness", 6), ("naturalness", 2.5), ("naturalness", float("nan")), ("x", 3)]
)
def test_only_answers_of_the_scale_are_taken(
    sessions: Sessions, make_study: MakeStudy, scale: str, value: float
) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    playback = rater.hear()
    with refused("bad_answer"):
        rater.rate(scale, value, playback)


def test_every_question_must_be_answered_before_going_on(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    rater.rate("naturalness", 3, rater.hear())
    with refused("bad_answer") as refusal:
        sessions.finish_trial(rater.token, rater.view["trial"]["id"], rater.now)
    assert "Meaningfulness" in str(refusal.error)


def test_no_section_is_skipped(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study(FULL_FLOW))
    for given in ({}, {"agree": False}, {"answers": {"hearing": "Yes"}}):
        with refused("bad_answer"):
            rater.answer(**given)
    with refused("wrong_section"):
        sessions.answer(rater.token, {"section": 4, "agree": True}, rater.now)
    rater.answer(agree=True)
    for answers in ({}, {"hearing": "Maybe"}, {"hearing": ["Yes"]}, {"hearing": "Yes", "more": "x"}):
        with refused("bad_answer"):
            rater.answer(answers=answers)
    assert rater.look()["state"] == "eligibility"


def test_a_session_goes_on_in_another_tab_and_on_another_device(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study())
    rater.answer(agree=True)
    rater.rate("naturalness", 4, rater.hear())
    typed = rater.view["resume_code"].upper().replace("-", " ")
    token, view = sessions.resume(typed, rater.now)
    assert view["trial"] == {
        "id": rater.view["trial"]["id"],
        "heard": True,
        "plays": 1,
        "answers": {"naturalness": 4.0},
    }
    phone = Rater(sessions, rater.db, token, view, rater.now)
    phone.rate("meaningfulness", 4, HEARD)
    sessions.finish_trial(phone.token, view["trial"]["id"], phone.now)
    with refused("wrong_section"):
        rater.rate("meaningfulness", 2, HEARD)
    with refused("unknown_code"):
        sessions.resume("abcd-efgh-jkmn", rater.now)


def test_a_person_takes_part_once(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study()
    rater = Rater.begin(sessions, study, "PID1", submission="s1")
    with refused("already_started"):
        Rater.begin(sessions, study, "PID1", submission="s2")
    rater.go_through()
    assert rater.state == "finished"
    with refused("already_completed"):
        Rater.begin(sessions, study, "PID1")
    Rater.begin(sessions, study, "PID2")


@pytest.mark.parametrize(
    "who", [{"external_id": "PID1"}, {"external_id": "PID1", "submission": "s1"}, {"nonce": "0123456789abcdef"}]
)
def test_a_retry_of_the_same_beginning_gets_the_same_session(
    sessions: Sessions, make_study: MakeStudy, db: Database, who: dict[str, str]
) -> None:
    study = make_study()
    lost = Rater.begin(sessions, study, **who)  # its answer never arrived
    later = lost.now + timedelta(minutes=20)
    again = Rater.begin(sessions, study, now=later, **who)
    assert again.session_id == lost.session_id
    assert count(db, Session) == 1
    again.go_through()
    assert again.state == "finished"


@pytest.mark.parametrize("who", [{"external_id": "PID1"}, {"nonce": "0123456789abcdef"}])
def test_a_beginning_that_was_never_acknowledged_does_not_lock_the_person_out_later(
    sessions: Sessions, make_study: MakeStudy, who: dict[str, str]
) -> None:
    study = make_study()
    lost = Rater.begin(sessions, study, **who)
    again = Rater.begin(sessions, study, now=lost.now + timedelta(minutes=31), **who)
    assert again.session_id != lost.session_id
    again.go_through()
    assert again.state == "finished"


def test_a_session_in_which_something_was_given_counts_even_when_its_time_is_up(
    sessions: Sessions, make_study: MakeStudy
) -> None:
    study = make_study()
    Rater.begin(sessions, study, "PID1").answer(agree=True)
    with refused("already_completed"):
        Rater.begin(sessions, study, "PID1", now=NOW + timedelta(minutes=31))


def test_two_people_behind_one_link_without_ids_are_two_people(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study()
    nonces = ("", "", "0123456789abcdef", "0123456789abcdeg")
    assert len({Rater.begin(sessions, study, nonce=nonce).session_id for nonce in nonces}) == 4


def test_a_second_session_has_other_prompts(sessions: Sessions, make_study: MakeStudy, db: Database) -> None:
    study = make_study(limits={"max_sessions_per_participant": 3}, prompts=6)
    for _ in range(2):
        Rater.begin(sessions, study, "PID1").go_through()
    with db.reading() as transaction:
        stimuli = list(transaction.scalars(select(Trial.stimulus_id)))
    assert len(stimuli) == 6
    third = Rater.begin(sessions, study, "PID1")
    with refused("already_completed"):
        third.answer(agree=True)


@pytest.mark.parametrize("status", ["draft", "built", "paused", "closed"])
def test_a_study_that_is_not_open_takes_nobody_in(sessions: Sessions, make_study: MakeStudy, status: str) -> None:
    with refused("not_open"):
        Rater.begin(sessions, make_study(status=status))
    with refused("unknown_study"):
        Rater.begin(sessions, "nothing")


def test_idle_sessions_end_and_busy_ones_go_on_up_to_their_longest_time(
    sessions: Sessions, make_study: MakeStudy
) -> None:
    study = make_study(limits={"session_minutes": 60, "idle_minutes": 10})
    busy, idle = Rater.begin(sessions, study), Rater.begin(sessions, study)
    for _ in range(5):
        busy.wait(9 * 60)
        assert busy.look()["state"] == "consent"
    busy.wait(9 * 60)
    busy.answer(agree=True)
    busy.wait(9 * 60)
    assert busy.look()["state"] == "timed_out"
    idle.wait(11 * 60)
    with refused("ended"):
        idle.answer(agree=True)
    assert idle.look()["state"] == "timed_out"
    assert idle.view["ending"]["code"].startswith("T")


def test_places_are_held_while_somebody_is_here_and_come_free_when_they_leave(
    sessions: Sessions, make_study: MakeStudy
) -> None:
    study = make_study(prompts=1, allocation={"trials_per_session": 1, "raters_per_stimulus": 1})
    first = [Rater.begin(sessions, study) for _ in range(3)]
    for rater in first:
        rater.answer(agree=True)
    with refused("full_for_now"):
        Rater.begin(sessions, study)
    later = NOW + timedelta(hours=2)
    second = [Rater.begin(sessions, study, now=later) for _ in range(3)]
    for rater in second:
        rater.go_through()
    with refused("full"):
        Rater.begin(sessions, study, now=later)
    assert first[0].row().state == "timed_out"


def test_one_client_cannot_fill_a_study(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study(prompts=1, allocation={"trials_per_session": 1, "raters_per_stimulus": 4})
    for number in range(40):  # as one program does: begin, consent, and never come again
        try:
            Rater.begin(sessions, study, address="203.0.113.9", now=NOW + timedelta(seconds=number / 4)).answer(
                agree=True
            )
        except SessionError as error:
            assert error.word == "full_for_now"  # noqa: PT017
    later = NOW + timedelta(seconds=40)
    with refused("full_for_now"):
        Rater.begin(sessions, study, address="203.0.113.9", now=later)
    for number in range(6):
        honest = Rater.begin(sessions, study, f"PID{number}", address=f"198.51.100.{number}", now=later)
        honest.go_through()
        assert honest.state == "finished"


def test_places_of_people_who_do_nothing_come_free_in_minutes(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study(prompts=1, allocation={"trials_per_session": 1, "raters_per_stimulus": 1})
    for _ in range(3):
        Rater.begin(sessions, study, address="203.0.113.9").answer(agree=True)
    with refused("full_for_now"):
        Rater.begin(sessions, study, address="203.0.113.9", now=NOW + timedelta(minutes=2))
    Rater.begin(sessions, study, address="203.0.113.9", now=NOW + timedelta(minutes=4)).go_through()


def test_many_raters_behind_one_address_all_take_part(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study(prompts=10, allocation={"trials_per_session": 3, "raters_per_stimulus": 4})
    laboratory = [Rater.begin(sessions, study, address="198.51.100.1") for _ in range(20)]
    for rater in laboratory:
        rater.answer(agree=True)
    for rater in laboratory:
        rater.rate_all()
    assert {rater.state for rater in laboratory} == {"finished"}


def test_who_gave_way_may_still_go_on(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study(prompts=1, allocation={"trials_per_session": 1, "raters_per_stimulus": 1})
    slow = [Rater.begin(sessions, study, address="198.51.100.1") for _ in range(3)]
    for rater in slow:
        rater.answer(agree=True)
    other = Rater.begin(sessions, study, address="198.51.100.2", now=NOW + timedelta(seconds=30))
    other.go_through()
    for rater in slow:
        rater.rate_all()
    assert {rater.state for rater in (*slow, other)} == {"finished"}


def test_the_more_was_done_the_longer_a_place_is_held(sessions: Sessions, make_study: MakeStudy, db: Database) -> None:
    rater = Rater.begin(sessions, make_study(prompts=6, allocation={"trials_per_session": 6, "raters_per_stimulus": 4}))
    rater.answer(agree=True)
    held = []
    for _ in range(4):
        with db.reading() as transaction:
            held.append(min(transaction.scalars(select(Trial.reservation_expires_at)).all()) - rater.now)
        rater.rate_clip()
    assert held[0] == timedelta(minutes=3)
    assert held[-1] > timedelta(minutes=10)


def test_cells_of_a_rejected_rater_open_again(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study(
        prompts=1,
        allocation={"trials_per_session": 1, "raters_per_stimulus": 1, "traps": 1},
        screening={"rules": [{"kind": "traps"}]},
    )
    careless = [Rater.begin(sessions, study) for _ in range(3)]
    for rater in careless:
        rater.go_through(naturalness=5)
        assert (rater.state, rater.row().accepted) == ("finished", False)
    for _ in range(3):
        rater = Rater.begin(sessions, study)
        rater.go_through(naturalness=2, meaningfulness=2)
        assert rater.row().accepted is True
    with refused("full"):
        Rater.begin(sessions, study)


def test_no_more_people_than_wanted(sessions: Sessions, make_study: MakeStudy) -> None:
    study = make_study(limits={"max_participants": 1})
    rater = Rater.begin(sessions, study)
    rater.answer(agree=True)
    with refused("full_for_now"):
        Rater.begin(sessions, study)


def test_a_clock_that_is_set_back_does_not_lock_a_rater_out(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study((HEADPHONES, {"kind": "rating"})))
    rater.hear_tones()
    rater.wait(-7200)
    with refused("too_early"):
        rater.answer(trial=0, choice=1)
    rater.wait(5)
    rater.answer(trial=0, choice=1)
    rater.look()
    rater = Rater.begin(sessions, make_study(name="other"))
    rater.answer(agree=True)
    rater.rate_clip()
    playback = rater.hear()
    rater.wait(-7200)
    with refused("too_early"):
        rater.rate("naturalness", 3, playback)
    rater.wait(1)
    rater.rate("naturalness", 3, playback)


def test_withdrawing_deletes_what_the_person_gave(sessions: Sessions, make_study: MakeStudy, db: Database) -> None:
    rater = Rater.begin(sessions, make_study((CONSENT, {"kind": "rating"})), "PID1")
    rater.answer(agree=True)
    rater.rate_clip()
    sessions.withdraw(rater.token, rater.now)
    assert count(db, Rating) == 0
    with refused("unknown_session"):
        rater.look()
    with db.reading() as transaction:
        session = transaction.scalars(select(Session)).one()
        assert session.state == "withdrawn"
        assert "PID1" not in str([event.payload for event in transaction.scalars(select(Event))])


def test_the_study_may_begin_with_the_clips_themselves(sessions: Sessions, make_study: MakeStudy) -> None:
    rater = Rater.begin(sessions, make_study(({"kind": "rating"},)))
    rater.rate_all()
    assert rater.state == "finished"


def test_time_out_of_view_and_haste_are_noticed(sessions: Sessions, make_study: MakeStudy) -> None:
    rules = [{"kind": "hidden", "max_seconds": 5}, {"kind": "pace", "min_seconds": 1}]
    rater = Rater.begin(sessions, make_study(screening={"rules": rules}))
    rater.answer(agree=True)
    while rater.state == "rating":
        playback = rater.hear()
        away = Playback(playback.stretches, 1, hidden_seconds=4)
        for scale in ("naturalness", "meaningfulness"):
            rater.rate(scale, 3, away)
        rater.view = sessions.finish_trial(rater.token, rater.view["trial"]["id"], rater.now)["view"]
    screening = rater.row().screening
    assert screening["hidden"] == {
        "passed": False,
        "effect": "flag",
        "evidence": {"hidden_seconds": 12.0, "allowed_seconds": 5.0},
    }
    assert screening["pace"]["passed"] is False
    assert screening["pace"]["evidence"]["median_seconds"] == 0
