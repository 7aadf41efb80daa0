"""The sentence on what a study found says what its tests say, and no more."""

from dataclasses import replace

import pytest

from undertone.studies.analysis.clustered import Mean
from undertone.studies.analysis.finding import finding_sentence
from undertone.studies.analysis.mos import MosTable
from undertone.studies.analysis.pairs import PRIMARY, REFERENCES, SYSTEMS, SystemDifference
from undertone.studies.analysis.preferences import Preference, Preferences
from undertone.studies.analysis.ranking import RankedSystem, Ranking
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import analyse_scale
from undertone.studies.analysis.scale_results import ScaleResults


@pytest.fixture(scope="module")
def judged(data: StudyData) -> ScaleResults:
    return analyse_scale(data, "naturalness", largest_mixed=0)


def pair(first: str, second: str, value: float, p: float | None, family: str = SYSTEMS) -> SystemDifference:
    return SystemDifference(
        first, second, value, value, 9, 9, 9, "", family=family, low=value - 0.2, high=value + 0.2, p_holm=p
    )


def sentence(judged: ScaleResults, *pairs: SystemDifference) -> str:
    closed = replace(judged, tested=True, screened=True, preferences=None, ranking=None)
    return finding_sentence(replace(closed, comparison=replace(judged.comparison, pairs=pairs)))


def test_differences_are_told_the_largest_first_and_the_better_system_first(judged: ScaleResults) -> None:
    said = sentence(judged, pair("a", "b", 0.3, 0.04), pair("a", "c", -0.8, 0.001), pair("b", "c", 0.1, 0.9))
    assert said == (
        "On naturalness, c was rated 0.80 above a, a was rated 0.30 above b; of 1 other pair no difference was found "
        "(5 %, after Holm's correction)."
    )


def test_no_difference_is_not_called_equality(judged: ScaleResults) -> None:
    said = sentence(judged, pair("a", "b", 0.1, 0.5), pair("a", "c", -0.15, 0.3))
    assert "no difference was found that chance does not explain" in said
    assert "a less c, is -0.15 (95 % interval -0.35 to +0.05)" in said


def test_declared_contrasts_come_before_all_others_and_anchors_last(judged: ScaleResults) -> None:
    anchor = pair("a", "anchor", 2.0, 0.0001, REFERENCES)
    said = sentence(judged, pair("a", "b", 0.1, 0.5), pair("a", "c", 0.9, 0.001, PRIMARY), anchor)
    assert "a was rated 0.90 above c" in said
    assert "anchor" not in said
    assert "other pair" not in said
    assert "anchor" in sentence(judged, anchor)


def test_what_the_tests_do_not_say_is_not_said(judged: ScaleResults) -> None:
    assert "too few" in sentence(judged, pair("a", "b", 0.9, None))
    assert "too few" in sentence(judged)
    running = replace(judged, tested=False)
    assert "before it is closed" in finding_sentence(running)
    assert "no session is accepted" in finding_sentence(replace(judged, tested=True, screened=False))


def test_preferences_name_who_was_preferred(judged: ScaleResults) -> None:
    def preference(value: float, p: float | None) -> Preference:
        shares = (0.2, 0.1, 0.7) if value > 0 else (0.7, 0.1, 0.2)
        return Preference("a", "b", Mean(value, 9, 9, 9, 9), shares, p, p)

    def said(*pairs: Preference) -> str:
        order = pairs[0].preference
        return finding_sentence(
            replace(judged, tested=True, screened=True, preferences=Preferences("meaning", pairs, order))
        )

    assert "b was preferred to a (70 % to 20 % of answers)" in said(preference(0.5, 0.01)).replace(
        "70%", "70 %"
    ).replace("20%", "20 %")
    assert "a was preferred to b (70% to 20% of answers)" in said(preference(-0.5, 0.01))
    assert "no preference was found" in said(preference(0.5, 0.6))
    assert "too few" in said(preference(0.5, None))


def test_a_ranking_names_the_first_or_who_may_be_it(judged: ScaleResults) -> None:
    def said(*best_ranks: int) -> str:
        systems = tuple(
            RankedSystem(name, -float(index), None, None, 0.63, best, 3, 9, 0, 0)
            for index, (name, best) in enumerate(zip("abc", best_ranks, strict=True))
        )
        ranking = Ranking(systems, (), 9, 9, 9, 9)
        return finding_sentence(replace(judged, tested=True, screened=True, preferences=None, ranking=ranking))

    assert "a comes first of 3 systems" in said(1, 2, 2)
    assert "open between a, b and c" in said(1, 1, 1)


def test_a_study_of_one_system_compares_nothing(judged: ScaleResults) -> None:
    alone = replace(judged.mos, systems=judged.mos.systems[:1])
    assert isinstance(alone, MosTable)
    assert "nothing is compared" in finding_sentence(replace(judged, tested=True, screened=True, mos=alone))
