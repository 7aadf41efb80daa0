"""Accuracies and differences of rungs, from the files of a ladder."""

from pathlib import Path

import numpy as np
import pytest

from undertone.engine.ladder import LadderPair, NgramScores, Rung, RungScores
from undertone.studies.errors import MeasureError
from undertone.studies.ladder.judgement import contrast, judge_ladder, pair_credits
from undertone.studies.ladder.report import ladder_lines, write_ladder_report

COUNT = 60  # pairs of each judgement


def write_ladder(folder: Path, shares: dict[Rung, float], seeds: int = 1) -> Path:
    """Rungs that are right in a share of the pairs, the same ones for all rungs."""
    pairs = [
        LadderPair(judgement=judgement, kind=judgement, cluster=f"{judgement} {number // 2}", good="A", bad="B")
        for judgement in ("words", "grammar", "topics")
        for number in range(COUNT)
    ]
    (folder / "pairs.jsonl").write_text("".join(f"{pair.model_dump_json()}\n" for pair in pairs))
    half = tuple(float(number % 2) for number in range(len(pairs)))
    zeros = (0.5,) * len(pairs)
    ngrams = NgramScores(pairs="p", good=dict.fromkeys((1, 2, 3, 5), half), bad=dict.fromkeys((1, 2, 3, 5), zeros))
    (folder / "ngrams.json").write_text(ngrams.model_dump_json())
    for rung, share in shares.items():
        for seed in range(seeds):
            good = tuple(1.0 if number % COUNT < share * COUNT else -1.0 for number in range(len(pairs)))
            scores = RungScores(
                rung=rung, seed=seed, pairs="p", good=good, bad=(0.0,) * len(pairs), good_tokens=(3,) * len(pairs),
                bad_tokens=(3,) * len(pairs), words_seen=100, tokens_seen=300, vocabulary=9, parameters=10,
                nats_per_word=6.0, minutes=1.0,
            )  # fmt: skip
            (folder / f"{rung}-{seed}").mkdir()
            (folder / f"{rung}-{seed}/scores.json").write_text(scores.model_dump_json())
    return folder


def test_a_likelier_good_side_counts_one_and_a_tie_a_half() -> None:
    assert pair_credits(np.array([1.0, 0.0, -1.0]), np.array([0.0, 0.0, 0.0])).tolist() == [1.0, 0.5, 0.0]


def test_accuracies_are_the_shares_with_intervals_around_them(tmp_path: Path) -> None:
    result = judge_ladder(write_ladder(tmp_path, {"text-raw": 0.8, "phone-raw": 0.6}, seeds=2))
    found = {one.rung: one.headline["words"] for one in result.rungs}
    assert {rung: round(one.value, 6) for rung, one in found.items()} == {"text-raw": 0.8, "phone-raw": 0.6}
    assert all(one.low < one.value < one.high and one.clusters == COUNT // 2 for one in found.values())
    step = next(one for one in result.contrasts if one.judgement == "words")
    assert (step.before, step.after, round(step.points, 6)) == ("text-raw", "phone-raw", -20.0)
    assert step.low < step.points < step.high < 0
    assert (tmp_path / "ladder.json").is_file()


def test_a_rung_differs_from_itself_by_nothing() -> None:
    credits = np.array([1.0, 0.0, 1.0, 0.0])
    assert contrast(credits, credits, ["a", "b", "c", "d"]) == (0.0, 0.0, 0.0)


def test_scores_of_other_pairs_are_refused(tmp_path: Path) -> None:
    write_ladder(tmp_path, {"text-raw": 0.8})
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "pairs.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(MeasureError, match="other pairs"):
        judge_ladder(tmp_path)
    with pytest.raises(MeasureError, match="has no pairs"):
        judge_ladder(tmp_path / "nowhere")


def test_the_report_has_every_rung_statement_and_null_result_and_needs_no_network(tmp_path: Path) -> None:
    result = judge_ladder(write_ladder(tmp_path, {"text-raw": 0.5, "phone-raw": 0.5}))
    page = write_ladder_report(result, tmp_path).read_text()
    for said in ("text-raw", "phone-raw", "M0", "M4", "no difference shown", "at chance", "85.6"):
        assert said in page
    assert '<script src="http' not in page
    assert len(ladder_lines(result)) == 2 + 5
