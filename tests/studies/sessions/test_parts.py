"""The parts of a session that need no database: playback, tones, forms, tokens, alarms."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from undertone.studies.design.scales import NATURALNESS, PREFERENCE
from undertone.studies.design.sections import Question
from undertone.studies.sessions import SessionError, rule_rates
from undertone.studies.sessions.entry import device_of
from undertone.studies.sessions.forms import check_answers, eligibility_decisions, question_views
from undertone.studies.sessions.headphones import SECONDS, right_answer, tone_audio, tone_orders, volume_audio
from undertone.studies.sessions.known_answers import describe_answers
from undertone.studies.sessions.listening import covers, merge_intervals, seconds_to_wait
from undertone.studies.sessions.session_tokens import SessionTokens, new_resume_code, normalise_resume_code
from undertone.studies.store import Database
from undertone.studies.store.tables import Participant, Session

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TIMES = st.floats(0, 20, allow_nan=False)
STRETCHES = st.lists(st.tuples(TIMES, TIMES).map(lambda pair: tuple(sorted(pair))), max_size=12)


@given(STRETCHES, STRETCHES)
def test_stretches_merge_in_any_order_and_never_grow_beyond_the_clip(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    whole = merge_intervals([*first, *second], 10.0)
    assert whole == merge_intervals([*second, *first], 10.0)
    assert merge_intervals(whole, 10.0) == whole
    assert all(0 <= start < end <= 10 for start, end in whole)
    assert all(a[1] < b[0] for a, b in pairwise(whole))


@pytest.mark.parametrize("bad", [[(2, 1)], [(float("nan"), 1)], [(0, float("inf"))], [(1,)], [(0, 1)] * 201])
def test_what_no_player_reports_is_refused(bad: list[tuple[float, ...]]) -> None:
    with pytest.raises(SessionError):
        merge_intervals(bad, 10.0)


def test_a_clip_is_heard_when_all_but_its_last_moments_were_played() -> None:
    assert covers([(0.0, 9.85)], 10.0)
    assert not covers([(0.0, 5.0), (5.3, 10.0)], 10.0)
    assert not covers([], 10.0)


def test_the_wait_is_never_longer_than_the_clip_whatever_the_clock_does() -> None:
    assert seconds_to_wait(NOW, 10.0, NOW + timedelta(seconds=4)) == pytest.approx(5.8)
    assert seconds_to_wait(NOW, 10.0, NOW + timedelta(seconds=9.8)) == 0
    assert seconds_to_wait(NOW, 10.0, NOW - timedelta(days=1)) == pytest.approx(9.8)
    assert seconds_to_wait(None, 10.0, NOW) == pytest.approx(9.8)


def test_of_the_three_tones_one_is_quieter_and_one_in_antiphase() -> None:
    orders = tone_orders(seed=3, trials=6)
    assert sorted(map(right_answer, orders)) == [1, 1, 2, 2, 3, 3]
    assert orders != tone_orders(seed=4, trials=6)
    for order in orders:
        samples, rate = soundfile.read(io.BytesIO(tone_audio(order)))
        assert len(samples) == round(SECONDS * rate)
        tones = [samples[round(start * rate) : round((start + 1) * rate)] for start in (0, 1.5, 3)]
        level = [np.sqrt(np.mean(tone[:, 0] ** 2)) for tone in tones]
        in_the_air = [np.sqrt(np.mean(tone.sum(axis=1) ** 2)) for tone in tones]  # what loudspeakers add up to
        assert int(np.argmin(level)) + 1 == right_answer(order)
        assert order[int(np.argmin(in_the_air))] == "antiphase"
        assert 20 * np.log10(min(level) / max(level)) == pytest.approx(-6, abs=0.1)


def test_the_sound_for_the_volume_has_the_asked_level() -> None:
    samples, _ = soundfile.read(io.BytesIO(volume_audio(seed=1, loudness_dbfs=-26)))
    assert 20 * np.log10(np.sqrt(np.mean(samples**2))) == pytest.approx(-26, abs=0.2)


CHOICE = Question(name="q", text="?", options=("A", "B"), accept=("A",), prefer_not_to_say=True)


def test_the_answers_that_let_in_are_not_shown() -> None:
    (shown,) = question_views([CHOICE])
    assert "accept" not in shown
    assert shown["options"] == ["A", "B", "Prefer not to say"]


@pytest.mark.parametrize(
    ("question", "good", "bad"),
    [
        (CHOICE, ["A", "Prefer not to say"], ["C", "", None, ["A"], 3]),
        (Question(name="q", text="?", kind="several", options=("A", "B")), [["A"], ["B", "A"]], [["C"], "A", []]),
        (Question(name="q", text="?", kind="number", minimum=1, maximum=9), [1, 9, "3"], [0, 10, "x", [], "nan"]),
        (Question(name="q", text="?", kind="number"), [-5, 1e6], ["inf", "nan", {}]),
        (Question(name="q", text="?", kind="text"), ["words"], ["", "x" * 2001, 3]),
    ],
)
def test_forms_take_only_what_was_asked(question: Question, good: list[Any], bad: list[Any]) -> None:
    for answer in good:
        assert "q" in check_answers([question], {"q": answer})
    for answer in bad:
        with pytest.raises(SessionError):
            check_answers([question], {"q": answer})


def test_only_an_accepted_answer_lets_in() -> None:
    assert eligibility_decisions([CHOICE], {"q": "A"}) == {"q": True}
    assert eligibility_decisions([CHOICE], {"q": "B"}) == {"q": False}
    assert eligibility_decisions([CHOICE], {}) == {"q": False}


def test_known_answers_are_told_in_the_words_of_the_scale() -> None:
    assert describe_answers(NATURALNESS, 5, 1) == "4 – 5"
    assert describe_answers(NATURALNESS, 2, 0) == "2 (Poor: mostly unnatural speech)"
    assert describe_answers(PREFERENCE, -2, 0) == "-2 (The first is much better)"


def test_tokens_are_read_back_only_with_the_key() -> None:
    token = SessionTokens("key").make("session")
    assert SessionTokens("key").read(token) == "session"
    with pytest.raises(SessionError):
        SessionTokens("other").read(token)


def test_codes_are_long_and_forgive_how_they_are_typed() -> None:
    code = new_resume_code()
    assert re.fullmatch(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", code)
    assert normalise_resume_code(f" {code.upper().replace('-', ' ')} ") == code
    assert len({new_resume_code() for _ in range(500)}) == 500


def test_devices_are_known_only_coarsely() -> None:
    iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
    desktop = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert device_of(iphone) == {"kind": "phone", "browser": "Safari"}
    assert device_of(desktop) == {"kind": "desktop", "browser": "Firefox"}
    assert device_of("curl/8") == {"kind": "desktop", "browser": "other"}


OUTCOMES: list[tuple[list[bool], str]] = [
    ([True] * 30, ""),
    ([True] * 20 + [True, False] * 10, "Something has changed"),
    ([False] * 8, "Only 0 of the last 8"),
    ([False] * 7, ""),
    ([True, False, True] * 20, ""),
]


@pytest.mark.parametrize(("outcomes", "words"), OUTCOMES)
def test_a_rule_that_suddenly_fails_raises_an_alarm(
    db: Database, make_study: Callable[..., str], outcomes: list[bool], words: str
) -> None:
    study = make_study()
    with db.session() as transaction:
        person = Participant(study_id=study)
        transaction.add(person)
        transaction.flush()
        for index, passed in enumerate(outcomes):
            at = NOW + timedelta(minutes=index)
            transaction.add(
                Session(
                    study_id=study, participant_id=person.id, state="finished", expires_at=at, ended_at=at, seed=0,
                    resume_code=str(index), screening={"headphones": {"passed": passed, "effect": "exclude"}},
                )
            )  # fmt: skip
    with db.reading() as transaction:
        (rate,) = rule_rates(transaction, study)
    assert (rate.rule, rate.passed, rate.judged) == ("headphones", sum(outcomes), len(outcomes))
    assert words in rate.alarm
    assert bool(rate.alarm) == bool(words)
