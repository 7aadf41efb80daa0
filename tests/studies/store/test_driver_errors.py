"""What a database says when it refuses a row names tables and rules, and nothing that a person gave."""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session as Transaction

from tests.studies.store.samples import Sample, make_rater, make_study
from undertone.studies.store import Database
from undertone.studies.store.tables import Participant, Rating, Session

PANEL, ANSWER, CODE = "PANEL-SECRET-7", "I live at 12 Elm Street", "CSECRETCODE"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def same_person_twice(transaction: Transaction, sample: Sample, study: str) -> None:
    transaction.add(Participant(study_id=study, source="prolific", external_id=PANEL))


def unknown_state(transaction: Transaction, sample: Sample, study: str) -> None:
    own = transaction.get_one(Session, sample.session)
    own.answers, own.completion_code, own.state = {"about": ANSWER}, CODE, "nonsense"  # type: ignore[assignment]


def nothing_where_something_must_be(transaction: Transaction, sample: Sample, study: str) -> None:
    own = transaction.get_one(Session, sample.session)
    own.answers, own.completion_code = {"about": ANSWER}, CODE
    own.started_at = None  # type: ignore[assignment]


def same_code_twice(transaction: Transaction, sample: Sample, study: str) -> None:
    resume_code = transaction.get_one(Session, sample.session).resume_code
    more = {"study_id": study, "participant_id": sample.participant, "expires_at": NOW, "seed": 1}
    transaction.add(Session(resume_code=resume_code, answers={"about": ANSWER}, completion_code=CODE, **more))


def a_number_too_large(transaction: Transaction, sample: Sample, study: str) -> None:
    own = transaction.get_one(Session, sample.session)
    own.answers, own.seed = {"about": ANSWER}, 10**30


def a_parent_that_is_not_there(transaction: Transaction, sample: Sample, study: str) -> None:
    transaction.add(Rating(session_id=PANEL, trial_id=CODE, scale="s", scale_hash="h", value=4, nonce=ANSWER))


def a_character_that_cannot_be_stored(transaction: Transaction, sample: Sample, study: str) -> None:
    transaction.get_one(Session, sample.session).completion_code = f"{CODE}\ud800{ANSWER}"


def a_value_that_is_no_json(transaction: Transaction, sample: Sample, study: str) -> None:
    transaction.get_one(Session, sample.session).answers = {"about": ANSWER, "age": float("nan")}


def a_wrong_type(transaction: Transaction, sample: Sample, study: str) -> None:
    own = transaction.get_one(Session, sample.session)
    own.completion_code = {"code": CODE, "answer": ANSWER}  # type: ignore[assignment]


def a_statement_that_fails(transaction: Transaction, sample: Sample, study: str) -> None:
    transaction.execute(text("UPDATE no_such_table SET a = :a"), {"a": ANSWER})


@pytest.mark.parametrize(
    "refused",
    [
        same_person_twice,
        unknown_state,
        nothing_where_something_must_be,
        same_code_twice,
        a_number_too_large,
        a_parent_that_is_not_there,
        a_character_that_cannot_be_stored,
        a_value_that_is_no_json,
        a_wrong_type,
        a_statement_that_fails,
    ],
)
def test_no_error_text_shows_what_a_person_gave(
    database: Database, refused: Callable[[Transaction, Sample, str], None]
) -> None:
    study, stimuli = make_study(database)
    sample = make_rater(database, study, stimuli, PANEL)
    with pytest.raises(Exception) as failed, database.session() as transaction:  # noqa: PT011, PT012  # of many kinds
        refused(transaction, sample, study)
        transaction.flush()
    whole = "".join(traceback.format_exception(failed.value))
    said = "\n".join(line for line in whole.splitlines() if __file__ not in line)
    for secret in (PANEL, ANSWER, CODE, ANSWER[:6], f"code-{PANEL}"):
        assert secret not in said, said


def test_parameters_are_hidden_by_both_engines(database: Database) -> None:
    assert database.engine.hide_parameters
