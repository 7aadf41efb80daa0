"""A whole ladder from folders: every rung is trained on the same words and scored on the same pairs."""

import json
from pathlib import Path

import pytest

from tests.train.ladder.small_ladder import lexicon_file, text_folder
from undertone.engine.config import TransformerConfig
from undertone.engine.ladder import RUNGS
from undertone.train.ladder.rung_stage import LadderSettings
from undertone.train.runs.ladder import LadderInputs, plan_ladder


def test_a_plan_writes_nothing_and_names_what_is_finished(tmp_path: Path) -> None:
    inputs = LadderInputs(text_folder(tmp_path), tmp_path, lexicon_file(tmp_path), tmp_path)
    settings = LadderSettings(epochs=3, window_words=20, batch_size=5)
    plan = plan_ladder(inputs, tmp_path / "out", 2000, 2, settings)
    assert not (tmp_path / "out").exists()
    assert plan.rungs == RUNGS
    assert plan.done == ()
    assert plan.train_words >= 2000
    assert plan.steps == 3 * (plan.train_words // 20 // 5)
    (tmp_path / "out/text-raw-1").mkdir(parents=True)
    (tmp_path / "out/text-raw-1/scores.json").write_text(json.dumps({}))
    assert plan_ladder(inputs, tmp_path / "out", 2000, 2, settings).done == ("text-raw-1",)


def test_settings_with_a_size_that_no_transformer_has_are_refused() -> None:
    with pytest.raises(ValueError, match="num_layers"):
        LadderSettings(transformer=TransformerConfig(num_layers=0))
