"""Over studies of every extreme kind, no sentence of a report says what its own numbers contradict."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.studies.analysis.test_kinds import best_worst_study, preference_study
from tests.studies.analysis.test_small_studies import NOW, study
from undertone.studies.analysis.finding import finding_sentence
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.report import render_report
from undertone.studies.analysis.results import StudyResults, analyse_study
from undertone.studies.analysis.scale_results import ScaleResults

SCALE = {"name": "naturalness", "title": "Naturalness", "question": "How?", "minimum": 1, "maximum": 5, "increment": 1}
RANDOM = np.random.default_rng(3)


def crossed(
    value: Callable[[int, int, str], float],
    raters: int = 6,
    prompts: int = 4,
    systems: str = "ABC",
    given: Callable[[int, int], bool] = lambda rater, prompt: True,
    **roles: str,
) -> StudyData:
    """Each rater hears each prompt in one system, in turn."""
    rows = [
        (f"r{rater}", f"p{prompt}", system, float(value(rater, prompt, system)))
        for rater in range(raters)
        for prompt in range(prompts)
        if given(rater, prompt)
        for system in (systems[(rater + prompt) % len(systems)],)
    ]
    data = study(*rows)
    return replace(data, definition={"scales": [SCALE]}, roles=dict.fromkeys(systems, "system") | roles)


def anything(*_: Any) -> float:
    return float(RANDOM.integers(1, 6))


def as_deserved(rater: int, prompt: int, system: str) -> float:
    return {"A": 2.0, "B": 3.0, "C": 4.0}[system] + (rater + 2 * prompt) % 3 - 1


def tied(data: StudyData) -> StudyData:
    return replace(data, ratings=data.ratings.assign(value=0.0))


def half_unjudged(data: StudyData) -> StudyData:
    none: list[Any] = [None] * len(data.ratings)
    return replace(data, ratings=data.ratings.assign(accepted=none))


EXTREMES: dict[str, Callable[[], StudyData]] = {
    "answers by chance": lambda: crossed(anything),
    "systems told apart": lambda: crossed(as_deserved, raters=12, prompts=6),
    "one rater": lambda: crossed(anything, raters=1),
    "one system": lambda: crossed(anything, systems="A"),
    "all fives": lambda: crossed(lambda *_: 5.0),
    "all fives but one": lambda: crossed(lambda rater, prompt, _: 3.0 if rater == prompt == 0 else 5.0),
    "each system its own number": lambda: crossed(lambda r, p, system: {"A": 1.0, "B": 3.0, "C": 5.0}[system]),
    "each rater their own number": lambda: crossed(lambda rater, *_: 1.0 + rater % 5),
    "cells missing": lambda: crossed(anything, given=lambda rater, prompt: (rater < 3) == (prompt < 2)),
    "the anchor is best": lambda: crossed(as_deserved, raters=12, C="low_anchor", A="ground_truth"),
    "the anchor is worst": lambda: crossed(as_deserved, raters=12, A="low_anchor", C="ground_truth"),
    "nobody accepted": lambda: half_unjudged(crossed(anything)),
    "pairs": lambda: preference_study(in_one_sound=False),
    "pairs, all tied": lambda: tied(preference_study(in_one_sound=False)),
    "best and worst of one rater": lambda: best_worst_study(raters=1, pages=4),
}


@dataclass(frozen=True)
class Report:
    results: StudyResults
    text: str

    @property
    def scale(self) -> ScaleResults:
        return self.results.scales[0]

    def says(self, words: str) -> bool:
        return words in self.text


@cache
def report(name: str) -> Report:
    results = analyse_study(EXTREMES[name](), largest_mixed=0)
    page = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", render_report(results, NOW), flags=re.DOTALL)
    return Report(results, re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page))))


@pytest.fixture(params=EXTREMES)
def made(request: pytest.FixtureRequest) -> Report:
    return report(request.param)


def test_no_sentence_is_broken_and_no_number_is_none(made: Report) -> None:
    found = made.text + " ".join(finding_sentence(scale) for scale in made.results.scales)
    assert not re.search(r"\b(nan|inf|None)\b|\(\s*[;,]|: ?\. ", found)
    told = " ".join(methods(made.results)) + finding_sentence(made.scale)
    assert not re.search(r"\b1 (raters|ratings|clips|prompts|sessions|pairs|trials)\b", told)
    assert not re.search(r"[A-Za-z]\.[A-Z][a-z]|\d{9}", found)


def test_agreement_is_told_as_the_interval_of_alpha_lies(made: Report) -> None:
    alpha = made.scale.alpha
    low, high = (None if end is None else round(end, 2) for end in (alpha.low, alpha.high))
    holds, below = low is not None and low <= 0 <= high, high is not None and high < 0
    assert made.says("The interval holds 0") == holds
    assert made.says("The interval lies below 0") == below
    well = low is not None and low >= 0.667 and alpha.value >= 0.667
    assert made.says("Raters agree well enough") == well


def test_intervals_and_tests_are_explained_only_where_there_are_some(made: Report) -> None:
    scale = made.scale
    if scale.ranking is None:
        assert made.says("Thin line") == any(score.mean.low is not None for score in scale.mos.systems)
        tested = any(pair.p_holm is not None for pair in scale.comparison.pairs)
        assert made.says("Filled: different") == (tested and scale.tested)
        assert made.says("p values have Holm's correction") == tested
        assert not made.says("Places that the data leave open") or tested
    assert made.says("are given with 95 % intervals from a") == (
        scale.ranking is None and any(score.mean.low is not None for score in scale.mos.systems)
    )
    naive = [
        (score.naive_half_width, score.mean.half_width)
        for score in scale.mos.systems
        if score.naive_half_width is not None and score.mean.half_width is not None
    ]
    assert not made.says("which is too narrow") or all(narrow < wide for narrow, wide in naive)


def test_where_nothing_varies_nothing_is_tested_planned_or_compared(made: Report) -> None:
    frame = made.results.data.ratings
    if (frame.groupby("system")["value"].nunique() > 1).any():
        return
    assert not made.says("That all systems are equal")
    counts = made.scale.mos.counts
    if made.scale.ranking is None and min(counts.unique_raters, counts.prompts) > 1:
        assert finding_sentence(made.scale).endswith("ratings vary too little to say whether systems differ.")
    if frame["value"].nunique() == 1:
        assert not made.says("a study like this one")
        assert made.scale.ranking is not None or made.says("Here every rating was")


def test_who_is_said_to_be_better_has_the_higher_mean(made: Report) -> None:
    scale = made.scale
    found = finding_sentence(scale)
    means = {score.system: score.mean.value for score in scale.mos.systems}
    for better, worse in re.findall(r"(\w+) was rated [\d.]+ above (\w+)", found):
        assert means[better] > means[worse]
    different = any(pair.different for pair in scale.comparison.pairs)
    if scale.ranking is None and scale.screened:
        assert ("was rated" in found and "above" in found) <= different
        assert not different or "no difference was found that" not in found


def test_references_are_said_to_move_scores_only_where_they_lie_outside(made: Report) -> None:
    means = {score.system: score.mean.value for score in made.scale.mos.systems}
    roles = made.results.data.roles
    systems = [means[name] for name in means if roles.get(name, "system") == "system"]
    for role, words, is_outside in (
        ("low_anchor", "a poor anchor raises", lambda mean: mean < min(systems)),
        ("ground_truth", "ground truth lowers", lambda mean: mean > max(systems)),
    ):
        of_role = [means[name] for name in means if roles.get(name) == role]
        assert made.says(words) == any(is_outside(mean) for mean in of_role)
        assert made.says("did not do its part") or all(is_outside(mean) for mean in of_role)


def test_the_order_heard_is_told_with_its_sign_and_doubt(made: Report) -> None:
    preferences = made.scale.preferences
    if preferences is None:
        assert not made.says("heard second gets")
        return
    order = preferences.order
    told = order.low is not None and not order.low <= 0 <= order.high
    assert made.says("what is heard second is preferred") == (told and order.value > 0)
    assert made.says("no preference for a place is told") == (order.low is not None and not told)


def test_a_change_within_sessions_is_told_only_where_it_was_tested(made: Report) -> None:
    order = made.scale.order
    changed = order is not None and order.p is not None and order.p < 0.05
    assert made.says("Raters judged differently as they went on") == changed
    assert not made.says("differences between them bear") or len(made.scale.mos.systems) > 1


def test_a_rater_who_heard_a_prompt_twice_is_not_said_to_have_heard_it_once() -> None:
    results = report("answers by chance").results
    twice = replace(results.data, ratings=results.data.ratings.assign(prompt="p0"))
    said = "Each rater heard each prompt in one system only"
    assert said in " ".join(methods(results))
    assert said not in " ".join(methods(replace(results, data=twice)))
