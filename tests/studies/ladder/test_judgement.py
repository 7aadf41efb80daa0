"""Accuracies and differences of rungs, from the files of a ladder."""

from pathlib import Path

import numpy as np
import pytest

from tests.studies.ladder.ladder_files import COUNT, write_ladder
from undertone.engine.ladder import Rung
from undertone.studies.errors import MeasureError
from undertone.studies.ladder.judgement import contrast, judge_ladder, read_result
from undertone.studies.ladder.report import ladder_lines, write_ladder_report
from undertone.studies.measures.holm import holm


def test_accuracies_are_the_shares_with_intervals_around_them(tmp_path: Path) -> None:
    result = judge_ladder(write_ladder(tmp_path, {"text-raw": 0.8, "phone-raw": 0.6}, seeds=2))
    found = {one.rung: one.headline["words"] for one in result.rungs}
    assert {rung: round(one.value, 6) for rung, one in found.items()} == {"text-raw": 0.8, "phone-raw": 0.6}
    assert all(one.low < one.value < one.high and one.clusters == COUNT // 2 for one in found.values())
    step = next(one for one in result.contrasts if one.judgement == "words")
    assert (step.before, step.after, round(step.points, 6)) == ("text-raw", "phone-raw", -20.0)
    assert step.low < step.points < step.high < 0
    assert 0 < step.p <= step.p_holm < 0.05
    assert (tmp_path / "ladder.json").is_file()


def test_a_rung_differs_from_itself_by_nothing() -> None:
    credits = np.array([1.0, 0.0, 1.0, 0.0])
    assert contrast(credits, credits, ["a", "b", "c", "d"]) == (0.0, 0.0, 0.0, 1.0)


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
    for said in ("text-raw", "phone-raw", "M0", "M6", "no difference shown", "at chance", "85.6"):
        assert said in page
    assert '<script src="http' not in page
    assert len(ladder_lines(result)) == 2 + 7


def test_a_result_is_read_as_it_was_written_and_one_of_another_version_is_refused(tmp_path: Path) -> None:
    result = judge_ladder(write_ladder(tmp_path, {"text-raw": 0.8}))
    assert read_result(tmp_path) == result
    (tmp_path / "ladder.json").write_text('{"pairs": {}}')
    with pytest.raises(MeasureError, match="make it again"):
        read_result(tmp_path)


def test_p_values_are_corrected_among_the_differences_of_a_judgement(tmp_path: Path) -> None:
    shares: dict[Rung, float] = {"text-raw": 0.6, "phone-raw": 0.5, "phone-repeat": 0.9, "speech-one": 0.9}
    result = judge_ladder(write_ladder(tmp_path, shares))
    words = [one for one in result.contrasts if one.judgement == "words"]
    assert [one.p_holm for one in words] == holm([one.p for one in words])
    assert words[-1].p == words[-1].p_holm == 1.0
