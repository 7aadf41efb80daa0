"""Practice, golds and traps where a trial has several clips: from the definition to the verdict of the session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.rating_study import CONSENT, DEBRIEF, add_study
from tests.studies.sessions.test_sets import SetRater, begin, set_design
from undertone.studies.analysis.choices import judgements
from undertone.studies.analysis.export import rating_rows
from undertone.studies.analysis.kinds import analysed_ratings
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.report import study_report
from undertone.studies.design import DesignError
from undertone.studies.design.scales import BEST_WORST, CCR
from undertone.studies.sessions import Playback, SessionError, Sessions
from undertone.studies.sessions.screening import is_accepted
from undertone.studies.store import Database
from undertone.studies.store.tables import Stimulus, Trial

PRACTICE_FLOW = (CONSENT, {"kind": "training"}, {"kind": "rating"}, DEBRIEF)
RULES = {"rules": [{"kind": "golds", "pass_at_least": 1}, {"kind": "traps", "pass_at_least": 1}]}
ALLOCATION = {"trials_per_session": 2, "raters_per_stimulus": 4, "traps": 1, "golds": 1}
Answer = Callable[[SetRater, dict[str, Playback]], None]


def clip(system: int, **expected: float) -> dict[str, Any]:
    answers = {name.replace("_", "-"): {"value": value} for name, value in expected.items()}
    return {"system": f"system{system}", "prompt": "prompt0", "expected": answers}


BEST_WORST_SET = {"clips": [clip(0, best_worst=-1), clip(1, best_worst=1), clip(2)], "feedback": "One is recorded."}
PREFERENCE_SET = {"clips": [clip(0), clip(1, ccr=2)]}
MUSHRA_SET = {"clips": [clip(0), clip(1, mushra=100), clip(2), clip(3)]}
KINDS = {
    "best_worst": ({"kind": "best_worst", "clips": 3}, BEST_WORST_SET, {"best-worst": {"value": 1}}, {}),
    "preference": ({"kind": "preference"}, PREFERENCE_SET, {"ccr": {"value": 3}}, {"scales": ["ccr"]}),
    "mushra": ({"kind": "mushra"}, MUSHRA_SET, {"mushra": {"value": 20, "tolerance": 2}}, {}),
}


def make(db: Database, tmp_path: Path, kind: str, **more: Any) -> str:
    """A study with one practice trial, one gold and one trap in a session."""
    trials, item, instruction, scales = KINDS[kind]
    known = {
        "training": [item],
        "golds": [item],
        "traps": [{"instruction": "x.wav", "after_seconds": 0, "expected": instruction}],
        "allocation": ALLOCATION,
        "screening": RULES,
        "sections": PRACTICE_FLOW,
    }
    study = set_design(trials, **{**known, **scales, **more})
    return add_study(db, tmp_path / "media", study)


@pytest.fixture(autouse=True)
def silent_instruction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trap's recording, beside the study file."""
    import numpy as np
    import soundfile

    monkeypatch.chdir(tmp_path)
    soundfile.write("x.wav", 0.1 * np.random.default_rng(0).standard_normal(8_000), 16_000)


def expected_of(rater: SetRater) -> dict[str, dict[str, float]]:
    """The expected values of the page's clips; of none where the page is the study's own."""
    with rater.db.reading() as transaction:
        query = select(Trial.id, Stimulus.expected).join(Stimulus, Stimulus.id == Trial.stimulus_id)
        rows = transaction.execute(query.where(Trial.id.in_(rater.clips))).all()
    answers = {trial: (expected or {}).get("answers", {}) for trial, expected in rows}
    return {trial: {name: one["value"] for name, one in found.items()} for trial, found in answers.items() if found}


def answer_as(turn: float) -> Answer:
    """Answers as expected (1), or the contrary (-1)."""

    def answer(rater: SetRater, heard: dict[str, Playback]) -> None:
        scale = rater.view["scales"][0]["name"]
        known = {trial: values[scale] for trial, values in expected_of(rater).items()}
        match rater.view["set"]["kind"]:
            case "best_worst":
                order = sorted(rater.clips, key=lambda trial: turn * known.get(trial, 0))
                rater.say(order[0], -1, heard)
                rater.say(order[-1], 1, heard)
            case "preference":
                for trial, value in known.items() or [(rater.clips[1], 1)]:
                    rater.say(trial, turn * value, heard)
            case _:
                for trial in rater.clips:
                    value = known.get(trial, 60)
                    rater.say(trial, value if turn > 0 else 100 - value, heard)

    return answer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turn", [1, -1], ids=["as-expected", "contrary"])
def test_golds_and_traps_of_sets_decide_about_a_session_and_practice_does_not(
    db: Database, sessions: Sessions, tmp_path: Path, kind: str, turn: float
) -> None:
    rater = begin(sessions, make(db, tmp_path, kind))
    rater.answer(agree=True)
    assert rater.state == "training"
    answer_as(-turn)(rater, rater.hear_set())
    rater.go_on()
    assert rater.state == "rating"
    assert rater.view["clips"]["of"] == 4
    clips = len(rater.clips)
    while rater.state == "rating":
        assert len(rater.clips) == clips  # a gold is not told by its number of clips
        answer_as(turn)(rater, rater.hear_set())
        rater.go_on()
    screening = rater.row().screening
    assert [screening[rule]["evidence"]["of"] for rule in ("golds", "traps")] == [1, 1]
    assert [screening[rule]["passed"] for rule in ("golds", "traps")] == [turn > 0] * 2
    assert is_accepted(screening) == (turn > 0)


def test_practice_says_of_each_clip_what_was_expected(db: Database, sessions: Sessions, tmp_path: Path) -> None:
    rater = begin(sessions, make(db, tmp_path, "best_worst"))
    rater.answer(agree=True)
    answer_as(-1)(rater, rater.hear_set())
    said = sessions.finish_trial(rater.token, rater.clips[0], rater.now)["feedback"]
    known = expected_of(rater)
    assert said["text"] == "One is recorded."
    assert {(one["clip"], one["expected"], one["right"]) for one in said["scales"]} == {
        (rater.clips.index(trial) + 1, BEST_WORST.labels[values["best-worst"]], False)
        for trial, values in known.items()
    }


def test_practice_of_a_preference_speaks_of_the_second_clip(db: Database, sessions: Sessions, tmp_path: Path) -> None:
    study = make(db, tmp_path, "preference")
    seen = set()
    for number in range(8):
        rater = begin(sessions, study, f"PID{number}")
        rater.answer(agree=True)
        answer_as(1)(rater, rater.hear_set())
        said = sessions.finish_trial(rater.token, rater.clips[0], rater.now)["feedback"]["scales"]
        place = rater.clips.index(*expected_of(rater))
        seen.add(place)
        assert said == [
            {"title": CCR.title, "clip": None, "right": True, "expected": CCR.labels[2.0 if place else -2.0]}
        ]
    assert seen == {0, 1}  # which clip comes first is drawn for each session


def test_the_open_reference_of_a_known_mushra_trial_is_its_hidden_one(
    db: Database, sessions: Sessions, tmp_path: Path
) -> None:
    rater = begin(sessions, make(db, tmp_path, "mushra"))
    rater.answer(agree=True)
    while rater.state in ("training", "rating"):
        opened = sessions.sound(rater.token, rater.view["set"]["reference"], rater.now).content
        sounds = [sessions.sound(rater.token, trial, rater.now).content for trial in rater.clips]
        assert sounds.count(opened) == 1
        answer_as(1)(rater, rater.hear_set())
        rater.go_on()
    assert rater.state == "finished"


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("best_worst", {"golds": [{"audio": "x.wav", "expected": {"best-worst": {"value": 1}}}]}, "list those of"),
        ("best_worst", {"golds": [{"clips": [clip(0, best_worst=1), clip(1)]}]}, "has 2 clips; expected 3"),
        ("best_worst", {"golds": [{"clips": [clip(0), clip(1), clip(2)]}]}, "a gold needs `expected`"),
        (
            "best_worst",
            {"golds": [{"clips": [clip(0, best_worst=1), clip(1, best_worst=1), clip(2)]}]},
            "one clip only is best",
        ),
        ("best_worst", {"golds": [{"clips": [clip(0, naturalness=1), clip(1), clip(2)]}]}, "is not an answer"),
        ("preference", {"golds": [{"clips": [clip(0, ccr=-1), clip(1, ccr=1)]}]}, "for one of them"),
        ("mushra", {"golds": [{"clips": [clip(0, mushra=9), clip(2), clip(3), clip(0)]}]}, "the reference"),
        ("mushra", {"golds": [{"clips": [{"audio": "x.wav", "system": "a", "prompt": "b"}] * 4}]}, "and so does each"),
        ("mushra", {"traps": []}, "asks for 1 traps"),
        ("mushra", {"training": []}, "need each other"),
    ],
)
def test_known_answers_that_do_not_fit_the_kind_are_refused_in_words(
    db: Database, tmp_path: Path, kind: str, more: dict[str, Any], said: str
) -> None:
    with pytest.raises((DesignError, ValueError), match=said):
        make(db, tmp_path, kind, **more)


def test_a_practice_trial_is_left_only_when_it_was_answered(db: Database, sessions: Sessions, tmp_path: Path) -> None:
    rater = begin(sessions, make(db, tmp_path, "best_worst"))
    rater.answer(agree=True)
    rater.hear_set()
    with pytest.raises(SessionError, match="Which one sounds best"):
        rater.go_on()


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_and_an_export_count_the_studys_own_trials_only(
    db: Database, sessions: Sessions, tmp_path: Path, kind: str
) -> None:
    study = make(db, tmp_path, kind)
    for number in range(2):
        rater = begin(sessions, study, f"PID{number}")
        rater.answer(agree=True)
        while rater.state in ("training", "rating"):
            answer_as(1)(rater, rater.hear_set())
            rater.go_on()
    data = load_study(db, "secret-study")
    assert set(rating_rows(data)["kind"]) == {"main", "gold", "trap", "training"}
    own = data.ratings[data.ratings["kind"] == "main"]
    rows = analysed_ratings(data)
    assert int((rows["kind"] == "main").sum()) == len(own) // (2 if kind == "preference" else 1)
    assert len(judgements(data, data.scales[0])) == 2 * 2
    if kind == "preference":  # its rows are made of pairs of clips, which golds and traps have too
        assert set(rows["kind"]) == {"main"}
        assert study_report(db, "secret-study", tmp_path / "report").is_file()
