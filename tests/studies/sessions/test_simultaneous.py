"""Raters who come in the same moment: no place is given twice, on either database."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.rating_study import add_study, design
from tests.studies.sessions.rater import Rater, visitor
from undertone.studies.sessions import SessionError, Sessions, TrialAnswer
from undertone.studies.store import Database, migrate
from undertone.studies.store.tables import Participant, Rating, Session, Stimulus, Trial

RATERS = 12


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Sessions:
    return Sessions(database, tmp_path / "media", "secret")


def test_no_cell_is_reserved_more_often_than_it_wants_raters(service: Sessions, tmp_path: Path) -> None:
    allocation = {"trials_per_session": 3, "raters_per_stimulus": 2}
    study = add_study(service.db, tmp_path / "media", design(prompts=6, allocation=allocation))

    def come(number: int) -> str:
        try:
            rater = Rater.begin(service, study, f"PID{number}")
            rater.answer(agree=True)
        except SessionError as error:
            return error.word
        return rater.state

    with ThreadPoolExecutor(RATERS + 4) as pool:
        states = list(pool.map(come, range(RATERS + 4)))
    assert sorted(states) == ["full_for_now"] * 4 + ["rating"] * RATERS
    with service.db.reading() as transaction:
        counts = list(transaction.scalars(select(func.count()).select_from(Trial).group_by(Trial.stimulus_id)))
    assert counts == [2] * 18


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_servers_share_the_places_of_a_study_and_its_raters(database_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = []
        for _ in range(2):
            db = Database(database_url, tmp_path / "events")
            stack.callback(db.close)
            migrate(db)
            servers.append(Sessions(db, tmp_path / "media", "secret"))
        allocation = {"trials_per_session": 3, "raters_per_stimulus": 2}
        study = add_study(servers[0].db, tmp_path / "media", design(prompts=6, allocation=allocation))

        def come(number: int) -> Rater | str:
            try:  # each person's second request, too, may reach the other server
                rater = Rater.begin(servers[number % 2], study, f"PID{number}")
                rater.sessions = servers[number // 2 % 2]
                rater.answer(agree=True)
            except SessionError as error:
                return error.word
            return rater

        with ThreadPoolExecutor(RATERS + 4) as pool:
            came = list(pool.map(come, range(RATERS + 4)))
        raters = [one for one in came if isinstance(one, Rater)]
        assert [one for one in came if not isinstance(one, Rater)] == ["full_for_now"] * 4
        with servers[0].db.reading() as transaction:
            counts = list(transaction.scalars(select(func.count()).select_from(Trial).group_by(Trial.stimulus_id)))
            systems = Counter(
                transaction.execute(
                    select(Trial.session_id, Stimulus.system_id).join(Stimulus, Stimulus.id == Trial.stimulus_id)
                ).all()
            )
        assert counts == [2] * 18
        assert len(systems) == RATERS * 3
        assert set(systems.values()) == {1}  # each hears every system once

        rater = raters[0]
        answer = TrialAnswer(rater.view["trial"]["id"], "naturalness", 4, "one-nonce", rater.hear())
        with ThreadPoolExecutor(8) as pool:
            saved = list(pool.map(lambda i: servers[i % 2].rate(rater.token, answer, rater.now), range(8)))
        assert all(acknowledged == saved[0] for acknowledged in saved)
        with servers[1].db.reading() as transaction:
            assert [rating.value for rating in transaction.scalars(select(Rating))] == [4]


def test_one_person_who_opens_the_link_many_times_at_once_gets_one_session(service: Sessions, tmp_path: Path) -> None:
    study = add_study(service.db, tmp_path / "media", design())

    def come(_: int) -> str:
        return service.begin(study, visitor("PID"), Rater(service, service.db).now)[0]

    with ThreadPoolExecutor(RATERS) as pool:
        tokens = list(pool.map(come, range(RATERS)))
    assert len(set(tokens)) == 1
    with service.db.reading() as transaction:
        assert transaction.scalar(select(func.count()).select_from(Participant)) == 1
        assert transaction.scalar(select(func.count()).select_from(Session)) == 1


def test_the_same_answer_sent_many_times_at_once_is_written_once(service: Sessions, tmp_path: Path) -> None:
    study = add_study(service.db, tmp_path / "media", design())
    rater = Rater.begin(service, study)
    rater.answer(agree=True)
    playback = rater.hear()
    answer = TrialAnswer(rater.view["trial"]["id"], "naturalness", 4, "one-nonce", playback)
    with ThreadPoolExecutor(RATERS) as pool:
        saved = list(pool.map(lambda _: service.rate(rater.token, answer, rater.now), range(RATERS)))
    assert all(acknowledged == saved[0] for acknowledged in saved)
    with service.db.reading() as transaction:
        ratings = list(transaction.scalars(select(Rating)))
        assert [(rating.value, rating.revision) for rating in ratings] == [(4, 0)]


def test_two_tabs_go_on_from_the_same_clip_once(service: Sessions, tmp_path: Path) -> None:
    study = add_study(service.db, tmp_path / "media", design())
    rater = Rater.begin(service, study)
    rater.answer(agree=True)
    playback = rater.hear()
    for scale in ("naturalness", "meaningfulness"):
        rater.rate(scale, 3, playback)
    trial = rater.view["trial"]["id"]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: service.finish_trial(rater.token, trial, rater.now), range(8)))
    assert {result["view"]["clips"]["done"] for result in results} == {1}


def test_people_who_come_at_once_get_sets_that_even_out(service: Sessions, tmp_path: Path) -> None:
    trials = {"kind": "preference", "choose": "active"}
    more = {
        "scales": ["choice"],
        "golds": [],
        "traps": [],
        "allocation": {"trials_per_session": 4, "raters_per_stimulus": 8},
    }
    study = add_study(service.db, tmp_path / "media", design(prompts=6, trials=trials, **more))

    def come(number: int) -> str:
        rater = Rater.begin(service, study, f"PID{number}")
        rater.answer(agree=True)
        return rater.state

    with ThreadPoolExecutor(RATERS) as pool:
        assert list(pool.map(come, range(RATERS))) == ["rating"] * RATERS
    with service.db.reading() as transaction:
        rows = transaction.execute(
            select(Trial.session_id, Trial.page, Stimulus.system_id, Stimulus.prompt_id)
            .join(Stimulus, Stimulus.id == Trial.stimulus_id)
            .order_by(Trial.session_id, Trial.position)
        ).all()
    pages: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for session, page, system, prompt in rows:
        pages.setdefault((session, page), []).append((system, prompt))
    assert len(pages) == 4 * RATERS
    assert all(len({prompt for _, prompt in clips}) == 1 for clips in pages.values())
    assert len({(session, clips[0][1]) for (session, _), clips in pages.items()}) == len(pages)  # a prompt once
    pairs = Counter(frozenset(system for system, _ in clips) for clips in pages.values())
    # Nothing is answered yet: what is promised to the others is all that a plan knows, so all pairs come equally often.
    assert max(pairs.values()) - min(pairs.values()) <= 2
