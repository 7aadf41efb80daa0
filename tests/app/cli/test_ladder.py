"""`undertone ladder` says what it would train, and writes nothing then."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.train.ladder.small_ladder import lexicon_file, text_folder
from undertone.app.cli.ladder import ladder, plan_lines
from undertone.engine.ladder import RUNGS
from undertone.train.runs.ladder import LadderPlan


def test_a_plan_names_rungs_steps_and_what_is_finished() -> None:
    lines = plan_lines(LadderPlan(1000, 200, 9, RUNGS, 3, 40, ("text-raw-0",)))
    assert "1,000 words" in lines[0]
    assert "9 rungs" in lines[1]
    assert "40 steps" in lines[1]
    assert lines[2] == "finished: text-raw-0"


@pytest.mark.parametrize("missing", ["--text", "--lexicon"])
def test_a_folder_that_is_not_there_is_refused_by_its_option(missing: str, tmp_path: Path) -> None:
    folders = {"--text": text_folder(tmp_path), "--corpus": tmp_path, "--lexicon": lexicon_file(tmp_path)}
    given = folders | {missing: tmp_path / "nowhere"}
    arguments = [str(word) for pair in given.items() for word in pair]
    result = CliRunner().invoke(ladder, [*arguments, "--out", str(tmp_path / "out"), "--dry-run"])
    assert result.exit_code == 2
    assert missing in result.output


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    arguments = ["--text", text_folder(tmp_path), "--corpus", tmp_path, "--lexicon", lexicon_file(tmp_path)]
    out = tmp_path / "out"
    words = [*map(str, arguments), "--out", str(out), "--words", "2000", "--bundle", "any", "--dry-run"]
    result, larger = (CliRunner().invoke(ladder, [*words, *more]) for more in ([], ["--set", "epochs=2"]))
    assert result.exit_code == 0, result.output
    steps = [int(one.output.split(" steps each")[0].split()[-1].replace(",", "")) for one in (result, larger)]
    assert steps[0] == 2 * steps[1]
    assert not out.exists()
