"""The client of Prolific reads every page, waits where it is told to, sends its token nowhere else, approves once."""

import json
from collections.abc import Iterator

import pytest

from tests.prolific_stand_in import TOKEN, Prolific, stand_in
from undertone.studies.panels.errors import PanelError
from undertone.studies.panels.prolific import ADDRESS_VARIABLE, TOKEN_VARIABLE, TRIES, ProlificApi, _read_submissions

STUDY = "60aca280709ee40ec37d4885"


@pytest.fixture
def prolific() -> Iterator[Prolific]:
    with stand_in() as prolific:
        for number in range(7):
            prolific.add(STUDY, f"sub{number}", f"person{number}", "AWAITING REVIEW")
        yield prolific


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def api(prolific: Prolific, pauses: list[float]) -> Iterator[ProlificApi]:
    api = ProlificApi(TOKEN, prolific.url, pauses.append)
    yield api
    api.close()


@pytest.mark.parametrize("largest_page", [3, 7, 100])
def test_every_submission_is_read_whatever_the_size_of_a_page(
    prolific: Prolific, api: ProlificApi, largest_page: int
) -> None:
    prolific.largest_page = largest_page
    assert [one.id for one in api.submissions(STUDY)] == [f"sub{number}" for number in range(7)]


def test_what_is_approved_is_approved_there_and_the_rest_waits(prolific: Prolific, api: ProlificApi) -> None:
    api.approve(["sub1", "sub4"])
    approved = [one for one, status in prolific.statuses(STUDY).items() if status == "APPROVED"]
    assert approved == ["sub1", "sub4"]
    api.approve([])
    assert sum(asked.startswith("POST") for asked in prolific.asked) == 1, "nobody to approve: nothing is asked"


def test_a_busy_prolific_is_asked_again_as_late_as_it_wants(
    prolific: Prolific, api: ProlificApi, pauses: list[float]
) -> None:
    prolific.busy = 2
    assert len(api.submissions(STUDY)) == 7
    assert pauses == [7, 14]
    prolific.busy = TRIES
    with pytest.raises(PanelError, match=f"answers 429, {TRIES} times. Nothing is lost"):
        api.submissions(STUDY)


def test_a_prolific_that_is_away_is_told(prolific: Prolific, pauses: list[float]) -> None:
    with stand_in() as gone:
        address = gone.url
    away = ProlificApi(TOKEN, address, pauses.append)
    with pytest.raises(PanelError, match="does not answer"):
        away.submissions(STUDY)
    assert pauses == [1, 2, 4, 8]


def test_a_refusal_is_told_in_a_sentence_without_the_token(prolific: Prolific, api: ProlificApi) -> None:
    wrong = ProlificApi("another-token", prolific.url)
    with pytest.raises(PanelError, match=f"does not take the token in {TOKEN_VARIABLE}.*Invalid token") as refused:
        wrong.submissions(STUDY)
    assert "another-token" not in str(refused.value)
    with pytest.raises(PanelError, match="knows no such study"):
        api.submissions("another")
    with pytest.raises(PanelError, match=r"refuses \(400\): Submissions \['nobody'\] were not found"):
        api.approve(["nobody"])


@pytest.mark.parametrize("study", ["", "../users/me", "a/b", "x?y", "a" * 65])
def test_no_other_path_is_asked(prolific: Prolific, api: ProlificApi, study: str) -> None:
    with pytest.raises(PanelError, match="is no id of a study"):
        api.submissions(study)
    assert not prolific.asked


@pytest.mark.parametrize(
    "address", ["http://api.prolific.com", "http://127.0.0.1.evil.example", "ftp://127.0.0.1", "x"]
)
def test_the_token_is_sent_in_the_clear_to_nobody_but_this_machine(address: str) -> None:
    with pytest.raises(PanelError, match=ADDRESS_VARIABLE):
        ProlificApi.of({TOKEN_VARIABLE: TOKEN, ADDRESS_VARIABLE: address})


@pytest.mark.parametrize("token", ["", "  ", "two words", "tok\nen", "töken"])
def test_a_token_that_is_none_is_asked_for(token: str) -> None:
    with pytest.raises(PanelError, match=f"put it into {TOKEN_VARIABLE}"):
        ProlificApi.of({TOKEN_VARIABLE: token})


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"results": None},
        {"results": [{"id": "a"}]},
        {"results": [{"id": "a/../b", "participant_id": "p", "status": "ACTIVE"}]},
        {"results": [{"id": "a", "participant_id": "p", "status": "\x1b[2J"}]},
        {"results": [{"id": "a", "participant_id": 5, "status": "ACTIVE"}]},
    ],
    ids=json.dumps,
)
def test_an_answer_in_another_form_is_refused_whole(answer: object) -> None:
    with pytest.raises(PanelError, match="a form that is not known"):
        _read_submissions(answer)
