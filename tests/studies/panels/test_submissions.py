"""A submission that was returned frees its places, one is approved for ratings that are accepted, and no other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.rating_study import GOLD, add_study, design
from tests.studies.sessions.rater import NOW, Rater
from undertone.studies.analysis.people import people_of
from undertone.studies.analysis.people_files import prolific_lists
from undertone.studies.panels import PanelError, Submission, SubmissionReview, review_submissions
from undertone.studies.sessions import SessionError, Sessions
from undertone.studies.store import Database
from undertone.studies.store.tables import Event, Trial

FEW = {"allocation": {"trials_per_session": 2, "raters_per_stimulus": 4}, "golds": [], "traps": []}
NAME, SECRET = "secret-study", "a secret of the server"


@pytest.fixture
def make(db: Database, tmp_path: Path) -> Callable[..., Callable[..., Rater]]:
    """Makes a study and returns how a person from Prolific begins in it."""

    def make(**more: Any) -> Callable[..., Rater]:
        study = add_study(db, tmp_path / "media", design(**{**FEW, **more}), "open")
        sessions = Sessions(db, tmp_path / "media", SECRET)
        return lambda person, submission=None: Rater.begin(
            sessions, study, person, submission=f"of-{person}" if submission is None else submission
        )

    return make


def submission(person: str, status: str, own: str | None = None) -> Submission:
    return Submission(id=own or f"of-{person}", participant_id=person, status=status)


def review(db: Database, *submissions: Submission) -> SubmissionReview:
    return review_submissions(db, NAME, submissions, SECRET, NOW)


@pytest.mark.parametrize("status", ["RETURNED", "TIMED-OUT"])
def test_the_place_of_who_has_left_is_free_at_once(
    db: Database, make: Callable[..., Callable[..., Rater]], status: str
) -> None:
    begin = make(limits={"max_participants": 1})
    left = begin("ada")
    left.answer(agree=True)
    left.rate_clip()
    with pytest.raises(SessionError) as full:
        begin("bob")
    assert full.value.word == "full_for_now"
    found = review(db, submission("ada", status), submission("bob", "ACTIVE"))
    assert [one.participant_id for one in found.released] == ["ada"]
    assert begin("bob").state == "consent"
    with db.reading() as transaction:
        states = set(transaction.scalars(select(Trial.state).where(Trial.session_id == left.session_id)))
        logged = transaction.scalars(select(Event.payload).where(Event.kind == "panel")).all()
    assert states == {"done", "released"}, "what was rated is kept, the rest is given away"
    assert logged == [{"status": status}]
    assert left.look()["ended"]
    assert review(db, submission("ada", status)).released == (), "and a second look changes nothing"


def test_who_goes_on_or_has_finished_is_not_ended(db: Database, make: Callable[..., Callable[..., Rater]]) -> None:
    begin = make()
    active, done = begin("ada"), begin("bob")
    done.go_through()
    assert done.row().state == "finished"
    found = review(db, submission("ada", "ACTIVE"), submission("bob", "RETURNED"))
    assert found.released == ()
    assert not active.look()["ended"]
    assert done.row().state == "finished"
    assert [why for _, why in found.doubtful] == ["finished here and accepted, returned there"]


def test_only_accepted_ratings_that_wait_for_it_are_approved(
    db: Database, make: Callable[..., Callable[..., Rater]]
) -> None:
    begin = make(
        screening={"rules": [{"kind": "golds", "effect": "exclude"}]},
        golds=[{"audio": "known.wav", "expected": GOLD}],
        allocation={"golds": 1, "trials_per_session": 1},
    )
    for person, given in (("good", 5), ("paid", 5), ("bad", 1)):
        rater = begin(person)
        rater.go_through(naturalness=given)
    begin("early").answer(agree=True)
    waiting = [submission(person, "AWAITING REVIEW") for person in ("good", "bad", "early", "stranger")]
    found = review(db, *waiting, submission("paid", "APPROVED"), submission("other", "ACTIVE"))
    assert [one.participant_id for one in found.approvable] == ["good"]
    assert {one.participant_id: why for one, why in found.doubtful} == {
        "bad": "finished, not accepted (failed: golds)",
        "early": "handed in before the end",
        "stranger": "handed in without a session here",
    }
    assert found.counts == {"AWAITING REVIEW": 4, "APPROVED": 1, "ACTIVE": 1}


def test_one_session_is_paid_for_one_submission(db: Database, make: Callable[..., Callable[..., Rater]]) -> None:
    """A person whose second submission did not begin a session here is not approved twice."""
    rater = make()("ada")
    rater.go_through()
    again = submission("ada", "AWAITING REVIEW", own="a-second-one")
    found = review(db, submission("ada", "APPROVED"), again)
    assert found.approvable == ()
    assert [why for _, why in found.doubtful] == ["handed in without a session here"]


def test_a_link_without_the_submission_s_id_is_known_by_the_person_alone(
    db: Database, make: Callable[..., Callable[..., Rater]]
) -> None:
    begin = make()
    begin("ada", submission="")
    begin("bob", submission="")
    twice = [submission("bob", "RETURNED", own=own) for own in ("first", "second")]
    found = review(db, submission("ada", "RETURNED"), *twice)
    assert [one.participant_id for one in found.released] == ["ada"], "which of bob's two it was cannot be told"
    begin("cleo", submission="").go_through()
    found = review(db, submission("cleo", "AWAITING REVIEW"))
    assert found.approvable == (), "it may have been paid for another submission"
    assert [why for _, why in found.doubtful] == ["finished here and accepted, by a link without SESSION_ID"]


def test_submissions_of_another_study_or_server_are_refused(
    db: Database, make: Callable[..., Callable[..., Rater]]
) -> None:
    begin = make()
    assert review(db, submission("ada", "RESERVED")).counts == {"RESERVED": 1}, "nobody has come yet"
    rater = begin("ada")
    with pytest.raises(PanelError, match="none of the 1 submissions began a session of 'secret-study'"):
        review_submissions(db, NAME, [submission("ada", "RETURNED")], "the secret of another server", NOW)
    assert not rater.look()["ended"]
    assert review(db).counts == {}


def test_who_returned_may_come_again_where_nothing_was_given_and_is_in_no_list(
    db: Database, make: Callable[..., Callable[..., Rater]]
) -> None:
    begin = make()
    begin("ada")
    review(db, submission("ada", "RETURNED"))
    assert people_of(db, NAME)[0].ending == "returned at the panel"
    assert prolific_lists(people_of(db, NAME)) == {}
    assert begin("ada").state == "consent"
    begin("bob").answer(agree=True)
    review(db, submission("bob", "TIMED-OUT"))
    assert prolific_lists(people_of(db, NAME)) == {"prolific-timed-out.csv": ["bob"]}
    with pytest.raises(SessionError) as refused:
        begin("bob")
    assert refused.value.word == "already_completed"
