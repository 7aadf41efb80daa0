"""Studies of preferences, best-worst and MUSHRA: the report is about what was asked."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertone.studies.analysis.choices import judgements, paired
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.mushra import post_screening
from undertone.studies.analysis.ratings_frame import COLUMNS, SESSION_COLUMNS, STIMULUS_COLUMNS, StudyData
from undertone.studies.analysis.report import render_report
from undertone.studies.analysis.results import StudyResults, analyse_study
from undertone.studies.design.scales import BEST_WORST, MUSHRA, PREFERENCE

AT = datetime(2026, 1, 9, tzinfo=UTC)
LIKING = {"plain": 0.0, "base": 0.4, "new": 1.2}
SYSTEMS = list(LIKING)


def frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (rater, prompt, system, scale, value, position, page)."""
    table = pd.DataFrame(rows, columns=["rater", "prompt", "system", "scale", "value", "position", "page"])
    table = table.assign(
        stimulus=table["system"] + table["prompt"],
        trial=[f"t{number}" for number in range(len(table))],
        session=table["rater"].str.replace("r", "s"),
        accepted=True,
        screening=[{}] * len(table),
        kind="main",
        rated_at=AT,
        device="phone",
    )
    return table.assign(accepted=table["accepted"].astype(object))[[*COLUMNS, "page"]]


def study(ratings: pd.DataFrame, scale: Any, trials: dict[str, Any] | None, **more: Any) -> StudyData:
    raters = sorted(set(ratings["rater"]))
    sessions = pd.DataFrame(
        [(name.replace("r", "s"), name, "finished", True, {}, "phone", "link", AT, AT) for name in raters],
        columns=list(SESSION_COLUMNS),
    )
    definition = {
        "systems": [{"name": name} for name in SYSTEMS],
        "scales": [scale.model_dump(mode="json")],
        **({"trials": trials} if trials else {}),
    }
    stimuli = pd.DataFrame([], columns=list(STIMULUS_COLUMNS))
    roles = dict.fromkeys(SYSTEMS, "system")
    return StudyData("kinds", "Which?", 0, definition, ratings, sessions, stimuli, **{"roles": roles, **more})


def best_worst_study(raters: int = 14, pages: int = 12) -> StudyData:
    random = np.random.default_rng(2)
    rows: list[tuple[Any, ...]] = []
    for rater in range(raters):
        for page in range(pages):
            order = [SYSTEMS[index] for index in random.permutation(3)]
            heard = np.array([LIKING[name] for name in order]) + random.normal(0, 0.9, 3)
            values = [1 if i == heard.argmax() else -1 if i == heard.argmin() else 0 for i in range(3)]
            for place, (name, value) in enumerate(zip(order, values, strict=True)):
                rows.append((f"r{rater}", f"p{page}", name, "best-worst", value, 3 * page + place, page))
    return study(frame(rows), BEST_WORST, {"kind": "best_worst", "clips": 3, "choose": "active"})


def preference_study(in_one_sound: bool) -> StudyData:
    """Base against new in both orders; whatever is heard second gets half a point more."""
    random = np.random.default_rng(4)
    rows: list[tuple[Any, ...]] = []
    for rater in range(12):
        for page in range(10):
            heard = ("base", "new") if (rater + page) % 2 else ("new", "base")
            better = LIKING[heard[1]] - LIKING[heard[0]] + 0.5 + random.normal(0, 0.8)
            value = int(np.clip(round(better), -2, 2))
            if in_one_sound:
                rows.append((f"r{rater}", f"p{page}", "-then-".join(heard), "preference", value, page, None))
                continue
            for place, (name, towards) in enumerate(zip(heard, (-value, value), strict=True)):
                rows.append((f"r{rater}", f"p{page}", name, "preference", towards, 2 * page + place, page))
    pairs = {"base-then-new": ("base", "new"), "new-then-base": ("new", "base")} if in_one_sound else {}
    ratings = frame(rows).drop(columns="page") if in_one_sound else frame(rows)
    return study(ratings, PREFERENCE, None if in_one_sound else {"kind": "preference"}, pairs=pairs)


def analysed(data: StudyData) -> StudyResults:
    return analyse_study(data, largest_mixed=0)


@pytest.mark.parametrize("in_one_sound", [True, False])
def test_a_preference_study_is_about_the_preference(in_one_sound: bool) -> None:
    data = preference_study(in_one_sound)
    results = analysed(data)
    (scale,) = results.scales
    (pair,) = scale.preferences.pairs  # type: ignore[union-attr]
    assert (pair.first, pair.second) == ("base", "new")
    assert pair.different
    assert pair.preference.value == pytest.approx(0.8, abs=0.35)
    assert scale.preferences.order.value > 0.2  # type: ignore[union-attr]
    assert [score.system for score in scale.mos.systems] == ["base or new"]
    assert scale.mos.systems[0].mean.value == pytest.approx(pair.preference.value)
    assert scale.alpha.stimuli == 10  # a pair on a prompt, whichever came first
    text = render_report(results, AT)
    assert "then-base" not in text
    assert "mean opinion score" not in text.lower()
    assert "Bradley-Terry" in text
    (first, second) = scale.ranking.systems  # type: ignore[union-attr]
    assert (first.system, second.system) == ("new", "base")


def test_both_forms_of_a_preference_study_give_the_same_numbers() -> None:
    one, two = (analysed(preference_study(form)).scales[0] for form in (True, False))
    (pair,), (other,) = one.preferences.pairs, two.preferences.pairs  # type: ignore[union-attr]
    assert (pair.preference.value, pair.preference.low, pair.p) == pytest.approx(
        (other.preference.value, other.preference.low, other.p)
    )
    assert pair.shares == other.shares
    for system, same in zip(one.ranking.systems, two.ranking.systems, strict=True):  # type: ignore[union-attr]
        assert (system.system, system.times) == (same.system, same.times)
        assert (system.strength, system.low) == pytest.approx((same.strength, same.low))


def test_turning_a_pair_round_turns_the_value() -> None:
    rows = paired(preference_study(False).ratings, {}, ["new", "base"])
    assert set(rows["system"]) == {"new or base"}
    assert rows["value"].mean() < 0 < rows["later"].mean()


def test_a_best_worst_study_is_reported_by_its_ranking() -> None:
    results = analysed(best_worst_study())
    (scale,) = results.scales
    assert [system.system for system in scale.ranking.systems] == ["new", "base", "plain"]  # type: ignore[union-attr]
    assert scale.ranking.trials == 14 * 12  # type: ignore[union-attr]
    text = render_report(results, AT)
    assert "mean opinion score" not in text.lower()
    assert "best and the worst were named" in text
    assert "expected gain of information" in text


def test_a_page_is_one_judgement() -> None:
    data = best_worst_study(raters=1, pages=2)
    (first, second) = judgements(data, "best-worst")
    assert (first.prompt, second.prompt) == ("p0", "p1")
    assert {first.best, first.worst} < set(first.systems)


def test_mushra_leaves_out_who_misses_the_hidden_reference() -> None:
    rows: list[tuple[Any, ...]] = []
    for rater in range(6):
        for page in range(8):
            deaf = rater == 0 and page < 2  # more than 15 % of the trials
            values = {"plain": 20, "base": 60 + rater + page, "new": 50 if deaf else 97}
            for place, (name, value) in enumerate(values.items()):
                rows.append((f"r{rater}", f"p{page}", name, "mushra", value, 3 * page + place, page))
    roles = {"plain": "low_anchor", "base": "system", "new": "ground_truth"}
    data = study(frame(rows), MUSHRA, {"kind": "mushra"}, roles=roles)
    assert [one.passed for one in post_screening(data, "mushra")] == [False, *[True] * 5]
    (scale,) = analysed(data).scales
    assert scale.mos.counts.unique_raters == 5
    assert "left out 1 of 6" in " ".join(scale.notes)
    told = " ".join(methods(analysed(data)))
    assert "left out 1 rater who" in told
    assert "the numbers are of these" not in told
    praised = replace(data, ratings=data.ratings.assign(value=data.ratings["value"].replace(20, 95)))
    assert not any(one.passed for one in post_screening(praised, "mushra"))


def test_reasons_are_counted_for_what_was_preferred() -> None:
    data = preference_study(False)
    second = data.ratings[data.ratings["position"] % 2 == 1]
    given = second.assign(scale="why-clear", value=1.0)
    reasons = [{"name": "clear", "text": "It is clearer"}, {"name": "other", "text": "Something else"}]
    definition = {**data.definition, "trials": {"kind": "preference", "reasons": reasons}}
    data = replace(data, ratings=pd.concat([data.ratings, given], ignore_index=True), definition=definition)
    results = analysed(data)
    (clear, other) = results.scales[0].reasons
    shares = results.scales[0].preferences.pairs[0].shares  # type: ignore[union-attr]
    assert dict(clear.counts) == {"base": round(120 * shares[0]), "new": round(120 * shares[2])}
    assert other.counts == ()
    assert "It is clearer" in render_report(results, AT)
