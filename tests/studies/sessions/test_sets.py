"""Trials of several clips: best-worst, preference and MUSHRA, from the plan to the stored answers."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.rating_study import CLIP_SECONDS, SHORT_FLOW, add_study, design
from tests.studies.sessions.rater import Rater
from undertone.studies.design import DesignError, StudyFile
from undertone.studies.sessions import Playback, SessionError, Sessions, TrialAnswer
from undertone.studies.store import Database, migrate
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Rating, Stimulus, System, Trial
from undertone.studies.store.withdrawal import withdraw

MakeStudy = Callable[..., str]
HEARD = Playback([(0.0, CLIP_SECONDS)], plays=1)
ROLES = ("system", "ground_truth", "low_anchor", "system", "system")


def set_design(trials: dict[str, Any], systems: int = 4, prompts: int = 6, **more: Any) -> StudyFile:
    scale = {"best_worst": "best-worst", "preference": "preference", "mushra": "mushra"}[trials["kind"]]
    return design(
        more.pop("sections", SHORT_FLOW),
        prompts,
        **{
            "systems": [
                {"name": f"system{index}", "role": ROLES[index], "source": {"kind": "folder", "folder": "x"}}
                for index in range(systems)
            ],
            "scales": [scale],
            "trials": trials,
            "golds": [],
            "traps": [],
            "allocation": {"trials_per_session": 4, "raters_per_stimulus": 4},
            **more,
        },
    )


@pytest.fixture
def make_set_study(db: Database, tmp_path: Path) -> Callable[..., str]:
    def make(trials: dict[str, Any], **more: Any) -> str:
        return add_study(db, tmp_path / "media", set_design(trials, **more))

    return make


@dataclass
class SetRater(Rater):
    """Hears and answers pages of several clips."""

    @property
    def clips(self) -> list[str]:
        return [clip["id"] for clip in self.view["set"]["clips"]]

    def hear_set(self) -> dict[str, Playback]:
        for clip in self.clips:
            self.sessions.sound(self.token, clip, self.now)
            self.wait(CLIP_SECONDS + 0.1)
            self.sessions.heard(self.token, clip, HEARD, self.now)
        return dict.fromkeys(self.clips, HEARD)

    def say(self, clip: str, value: float, others: dict[str, Playback], scale: str = "", nonce: str = "") -> Any:
        name = scale or self.view["scales"][0]["name"]
        nonce = nonce or f"{clip}:{name}:{value}:{self.now}"
        return self.sessions.rate(self.token, TrialAnswer(clip, name, value, nonce, HEARD, others), self.now)

    def go_on(self) -> None:
        self.view = self.sessions.finish_trial(self.token, self.clips[0], self.now)["view"]

    def answer_sets(self, answer: Callable[["SetRater", dict[str, Playback]], None]) -> None:
        self.answer(agree=True)
        while self.state == "rating":
            answer(self, self.hear_set())
            self.go_on()


def best_first(rater: SetRater, heard: dict[str, Playback]) -> None:
    rater.say(rater.clips[0], 1, heard)
    rater.say(rater.clips[-1], -1, heard)


def begin(sessions: Sessions, study: str, who: str | None = None) -> SetRater:
    rater = SetRater.begin(sessions, study, who)
    assert isinstance(rater, SetRater)
    return rater


def stored(db: Database, session_id: str) -> list[list[tuple[str, str, float]]]:
    """System, prompt and answer of each clip, page by page."""
    query = (
        select(Trial.page, System.name, Stimulus.prompt_id, Rating.value)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(System, System.id == Stimulus.system_id)
        .join(Rating, Rating.trial_id == Trial.id)
        .where(Trial.session_id == session_id)
        .order_by(Trial.position)
    )
    pages: dict[int, list[tuple[str, str, float]]] = {}
    with db.reading() as transaction:
        for page, system, prompt, value in transaction.execute(query):
            pages.setdefault(page, []).append((system, prompt, value))
    return list(pages.values())


@pytest.mark.parametrize("choose", ["balanced", "active"])
def test_a_best_worst_page_has_one_prompt_in_several_systems_and_no_prompt_comes_twice(
    db: Database, sessions: Sessions, make_set_study: MakeStudy, choose: str
) -> None:
    rater = begin(sessions, make_set_study({"kind": "best_worst", "clips": 3, "choose": choose}))
    rater.answer_sets(best_first)
    assert rater.state == "finished"
    pages = stored(db, rater.session_id)
    assert len(pages) == 4
    prompts = [page[0][1] for page in pages]
    assert len(set(prompts)) == len(prompts)
    for page in pages:
        assert len({prompt for _, prompt, _ in page}) == 1
        assert len({system for system, _, _ in page}) == 3
        assert [value for *_, value in page] == [1, 0, -1]


def test_a_clip_is_best_or_worst_or_neither_and_never_two_clips_are_the_same(
    db: Database, sessions: Sessions, make_set_study: MakeStudy
) -> None:
    rater = begin(sessions, make_set_study({"kind": "best_worst", "clips": 3}))
    rater.answer(agree=True)
    heard = rater.hear_set()
    first, second, third = rater.clips
    rater.say(first, 1, heard)
    rater.say(second, 1, heard)
    rater.say(third, -1, heard)
    rater.say(first, -1, heard)
    rater.go_on()
    assert [value for *_, value in stored(db, rater.session_id)[0]] == [-1, 1, 0]


def test_a_page_is_left_only_with_a_best_and_a_worst(sessions: Sessions, make_set_study: MakeStudy) -> None:
    rater = begin(sessions, make_set_study({"kind": "best_worst", "clips": 3}))
    rater.answer(agree=True)
    heard = rater.hear_set()
    rater.say(rater.clips[0], 1, heard)
    with pytest.raises(SessionError, match="sounds worst"):
        rater.go_on()


def test_every_clip_must_have_been_heard_and_all_cannot_have_been_heard_at_once(
    sessions: Sessions, make_set_study: MakeStudy
) -> None:
    study = make_set_study({"kind": "best_worst", "clips": 3})
    rater = begin(sessions, study)
    rater.answer(agree=True)
    others = dict.fromkeys(rater.clips, HEARD)
    for clip in rater.clips:
        sessions.sound(rater.token, clip, rater.now)
    rater.wait(3 * CLIP_SECONDS)
    with pytest.raises(SessionError) as refused:
        rater.say(rater.clips[0], 1, {rater.clips[1]: HEARD})
    assert refused.value.word == "not_listened"
    rater.say(rater.clips[0], 1, others)
    hasty = begin(sessions, study)
    hasty.answer(agree=True)
    for clip in hasty.clips:
        sessions.sound(hasty.token, clip, hasty.now)
    hasty.wait(CLIP_SECONDS + 0.1)  # of one clip; three take longer
    with pytest.raises(SessionError) as refused:
        hasty.say(hasty.clips[0], 1, dict.fromkeys(hasty.clips, HEARD))
    assert refused.value.word == "too_early"


def test_only_the_clips_of_this_page_and_the_next_are_sent(sessions: Sessions, make_set_study: MakeStudy) -> None:
    rater = begin(sessions, make_set_study({"kind": "best_worst", "clips": 3}))
    rater.answer(agree=True)
    for clip in [*rater.clips, *rater.view["set"]["preload"]]:
        sessions.sound(rater.token, clip, rater.now)
    with sessions.db.reading() as transaction:
        query = select(Trial.id).where(Trial.session_id == rater.session_id, Trial.page == 2)
        later = list(transaction.scalars(query))
    for clip in later:
        with pytest.raises(SessionError):
            sessions.sound(rater.token, clip, rater.now)


def test_the_same_answer_sent_twice_is_one_answer(db: Database, sessions: Sessions, make_set_study: MakeStudy) -> None:
    rater = begin(sessions, make_set_study({"kind": "preference"}))
    rater.answer(agree=True)
    heard = rater.hear_set()
    for _ in range(2):
        assert rater.say(rater.clips[1], 2, heard, nonce="the same one")["revision"] == 0
    assert [value for *_, value in stored(db, rater.session_id)[0]] == [-2, 2]


def test_reasons_are_kept_and_need_no_answer(db: Database, sessions: Sessions, make_set_study: MakeStudy) -> None:
    trials = {"kind": "preference", "reasons": [{"name": "clear", "text": "It is clearer"}]}
    rater = begin(sessions, make_set_study(trials))

    def answer(one: SetRater, heard: dict[str, Playback]) -> None:
        one.say(one.clips[1], -1, heard)
        if one.view["clips"]["done"] == 0:
            one.say(one.clips[1], 1, heard, scale="why-clear")

    rater.answer_sets(answer)
    with db.reading() as transaction:
        reasons = list(transaction.scalars(select(Rating.value).where(Rating.scale == "why-clear")))
    assert reasons == [1.0]


def test_mushra_takes_a_clip_when_it_was_heard_and_the_page_when_all_were(
    db: Database, sessions: Sessions, make_set_study: MakeStudy
) -> None:
    rater = begin(sessions, make_set_study({"kind": "mushra"}))
    rater.answer(agree=True)
    assert len(rater.clips) == 4
    reference = rater.view["set"]["reference"]
    sounds = {clip: sessions.sound(rater.token, clip, rater.now).content for clip in rater.clips}
    opened = sessions.sound(rater.token, reference, rater.now).content
    assert list(sounds.values()).count(opened) == 1  # the hidden reference
    assert reference not in rater.clips
    rater.wait(CLIP_SECONDS + 0.1)
    rater.say(rater.clips[0], 55, {})
    with pytest.raises(SessionError):
        rater.say(rater.clips[1], 101, {})
    rater.wait(5)
    for clip in rater.clips[1:]:
        rater.say(clip, 80, {})
    rater.go_on()
    assert sorted(value for *_, value in stored(db, rater.session_id)[0]) == [55, 80, 80, 80]


def test_balanced_sets_even_out_pairs_and_clips(db: Database, sessions: Sessions, make_set_study: MakeStudy) -> None:
    study = make_set_study({"kind": "best_worst", "clips": 3}, systems=5)
    raters = [begin(sessions, study, f"PID{number}") for number in range(5)]
    for rater in raters:
        rater.answer_sets(best_first)
    systems: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for rater in raters:
        for page in stored(db, rater.session_id):
            names = sorted(system for system, *_ in page)
            systems.update(names)
            pairs.update((a, b) for a in names for b in names if a < b)
    assert max(systems.values()) - min(systems.values()) <= 2
    assert len(pairs) == 10
    assert max(pairs.values()) - min(pairs.values()) <= 2


def test_a_withdrawal_and_a_replay_know_pages(tmp_path: Path, database_url: str) -> None:
    own = Database(database_url, tmp_path / "events")
    migrate(own)
    sessions = Sessions(own, tmp_path / "media", "a secret of the server")
    study = add_study(own, tmp_path / "media", set_design({"kind": "best_worst", "clips": 3}))
    stays, goes = (begin(sessions, study, who) for who in ("STAYS", "GOES"))
    for rater in (stays, goes):
        rater.answer_sets(best_first)
    withdraw(own, goes.row().participant_id)
    before = stored(own, stays.session_id)
    assert stored(own, goes.session_id) == []
    own.close()
    fresh = Database(f"sqlite:///{tmp_path / 'restored.sqlite'}", tmp_path / "other-events")
    restore(fresh, None, tmp_path / "events")
    assert stored(fresh, stays.session_id) == before
    assert stored(fresh, goes.session_id) == []
    fresh.close()


@pytest.mark.parametrize(
    ("trials", "more", "said"),
    [
        ({"kind": "best_worst", "clips": 5}, {}, "a trial has 5 clips, but raters hear 4 systems"),
        ({"kind": "best_worst"}, {"scales": ["naturalness"]}, "`best-worst` is ready-made"),
        ({"kind": "preference"}, {"scales": ["naturalness"]}, "must reach from -x to x"),
        ({"kind": "preference"}, {"comparison": "ab"}, "leave `comparison: ab` out"),
        ({"kind": "mushra"}, {"scales": ["naturalness"]}, "rated from 0 to 100"),
        ({"kind": "mushra"}, {"systems": 2}, "needs an anchor"),
        ({"kind": "preference"}, {"screening": {"rules": [{"kind": "variance"}]}}, "'variance' says nothing"),
    ],
)
def test_a_design_that_does_not_fit_its_kind_is_refused_in_words(
    trials: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    with pytest.raises((DesignError, ValueError), match=said):
        set_design(trials, **more)


def test_a_study_of_single_clips_keeps_its_hash() -> None:
    """The hash of a definition from before there were sets, computed then."""
    assert "trials" in design().model_dump()
    assert design().hash == "0f925f442c71057431a730dfe0962aca44c2505dae1b7769d0e11265a8dc2113"
