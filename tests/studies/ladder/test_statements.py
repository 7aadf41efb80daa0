"""Statements M0 to M6: judged by their thresholds, and untested where nothing was learnt."""

import pytest

from undertone.engine.ladder import Judgement, Rung
from undertone.studies.ladder.statements import Accuracies, Contrasts, Statement, judge_statements
from undertone.studies.measures.intervals import Estimate

JUDGEMENTS: tuple[Judgement, ...] = ("words", "grammar", "topics")
PAPER: dict[Rung, tuple[float, float, float]] = {
    "text-bpe": (85, 75, 74),
    "text-raw": (86, 73, 66),
    "phone-bpe": (85, 75, 71),
    "phone-raw": (86, 74, 67),
    "phone-repeat": (85, 66, 58),
    "speech-one": (60, 60, 55),
    "speech-many": (55, 58, 53),
    "speech-clusters": (51, 57, 53),
}
STEPS: tuple[tuple[Rung, Rung], ...] = (
    ("text-bpe", "phone-bpe"),
    ("text-raw", "phone-raw"),
    ("phone-raw", "phone-repeat"),
    ("phone-repeat", "speech-clusters"),
)


def percent(value: float, half_width: float = 2.0) -> Estimate:
    low, high = ((value + side * half_width) / 100 for side in (-1, 1))
    return Estimate(value=value / 100, low=low, high=high, count=100, clips=100, clusters=50)


PERPLEXITIES: dict[Rung, float] = {
    "text-bpe": 51, "text-raw": 55, "phone-raw": 69, "phone-repeat": 130, "speech-clusters": 313
}  # fmt: skip
REACHING: dict[Rung, tuple[int, ...]] = {"phone-raw": (1, 2, 1), "phone-repeat": (2, 3, 3)}


def judged(
    table: dict[Rung, tuple[float, float, float]],
    ngram: float = 50.0,
    reaching: dict[Rung, tuple[int, ...]] = REACHING,
    perplexities: dict[Rung, float] = PERPLEXITIES,
) -> dict[str, Statement]:
    accuracies: Accuracies = {
        rung: {judgement: percent(value) for judgement, value in zip(JUDGEMENTS, row, strict=True)}
        for rung, row in table.items()
    }
    contrasts: Contrasts = {
        (before, after, judgement): (change - 2, change, change + 2)
        for before, after in STEPS
        if {before, after} <= set(table)
        for place, judgement in enumerate(JUDGEMENTS)
        for change in [table[after][place] - table[before][place]]
    }
    ngrams = {order: {judgement: percent(ngram) for judgement in JUDGEMENTS} for order in (1, 2, 3, 5)}
    return {one.name: one for one in judge_statements(accuracies, contrasts, ngrams, reaching, perplexities)}


def test_all_statements_hold_of_numbers_as_the_papers() -> None:
    verdicts = {name: one.verdict for name, one in judged(PAPER).items()}
    assert verdicts == dict.fromkeys(("M0", "M1", "M2", "M3", "M4", "M5", "M6"), "holds")


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("M2", {"phone-raw": (80, 66, 67)}),
        ("M3", {"phone-repeat": (85, 73, 58)}),
        ("M3", {"phone-repeat": (80, 66, 58)}),
        ("M4", {"speech-clusters": (80, 57, 53)}),
        ("M4", {"speech-one": (45, 60, 55)}),
        ("M4", {"speech-many": (62, 58, 53)}),
    ],
)
def test_a_statement_fails_where_a_number_is_on_the_other_side(
    name: str, changed: dict[Rung, tuple[float, float, float]]
) -> None:
    assert judged(PAPER | changed)[name].verdict == "fails"


def test_unfair_pairs_fail_and_a_model_below_n_grams_is_none() -> None:
    unfair = judged(PAPER, ngram=52.0)
    assert unfair["M0"].verdict == "fails"
    assert judged(PAPER, ngram=90.0)["M1"].verdict == "fails"


def test_models_at_chance_test_nothing() -> None:
    chance = judged(dict.fromkeys(PAPER, (50.0, 50.0, 50.0)))
    for name in ("M2", "M3", "M4", "M6"):
        assert chance[name].verdict == "untested"
        assert "at chance" in chance[name].evidence


def test_what_is_not_finished_is_untested() -> None:
    found = judged({"text-raw": PAPER["text-raw"]}, reaching={}, perplexities={})
    assert {name: one.verdict for name, one in found.items()} == {"M0": "holds"} | dict.fromkeys(
        ("M1", "M2", "M3", "M4", "M5", "M6"), "untested"
    )
    assert "not finished" in found["M3"].evidence


def test_continuations_have_to_stand_in_order() -> None:
    assert judged(PAPER, perplexities=PERPLEXITIES | {"text-raw": 70.0})["M5"].verdict == "fails"
    assert judged(PAPER, perplexities=PERPLEXITIES | {"speech-clusters": 130.0})["M5"].verdict == "fails"


def test_layers_are_compared_seed_by_seed_and_one_seed_tests_nothing() -> None:
    assert judged(PAPER, reaching=REACHING | {"phone-raw": (1, 3, 1)})["M6"].verdict == "fails"
    alone = judged(PAPER, reaching={"phone-raw": (1,), "phone-repeat": (2,)})["M6"]
    assert alone.verdict == "untested"
    assert "1 of 3 seeds" in alone.evidence
