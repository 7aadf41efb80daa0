"""A ladder from folders: its rungs are trained on the same words and scored on the same pairs."""

import json
from pathlib import Path

import pytest

from tests.train.ladder.small_ladder import inventory_of, lexicon_file, text_folder
from undertone.engine import SettingsError
from undertone.engine.config import TransformerConfig
from undertone.engine.ladder import CONTINUATIONS, LAYERS, RUNGS, Rung
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.ladder import continuations
from undertone.train.ladder.pair_file import PairSettings
from undertone.train.ladder.rung_stage import LadderSettings
from undertone.train.runs import ladder
from undertone.train.runs.ladder import LadderInputs, plan_ladder, train_ladder

SOME: tuple[Rung, ...] = ("text-raw", "phone-raw", "phone-repeat", "speech-one")
SMALL = TransformerConfig(dim=16, num_layers=1, num_heads=2, feedforward_dim=32, max_positions=2048)


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


def test_rungs_see_the_same_words_and_are_asked_the_same_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = LadderInputs(text_folder(tmp_path), tmp_path, lexicon_file(tmp_path), tmp_path)
    spoken = inventory_of(len(Lexicon(inputs.lexicon).inventory))
    monkeypatch.setattr(ladder, "ladder_segments", lambda *_: (*spoken, tmp_path))
    monkeypatch.setattr(continuations, "PROMPT_WORDS", 3)
    monkeypatch.setattr(continuations, "MORE_WORDS", 3)
    monkeypatch.setattr(ladder, "cluster_units", lambda *_: spoken[1])
    settings = LadderSettings(epochs=1, window_words=20, batch_size=8, transformer=SMALL)
    asked = PairSettings(words=3, grammar_per_kind=2, topics=2, min_count=2)
    out = tmp_path / "out"
    found = train_ladder(inputs, out, 1000, 1, settings, asked, SOME, cpu=True, prompts=2, samples=2)
    assert [scores.rung for scores in found] == list(SOME)
    assert len({(scores.words_seen, scores.pairs, len(scores.good)) for scores in found}) == 1
    of = {scores.rung: scores for scores in found}
    assert of["phone-repeat"].tokens_seen == of["speech-one"].tokens_seen > of["phone-raw"].tokens_seen
    assert of["phone-repeat"].good_tokens == of["speech-one"].good_tokens
    parts = [out / f"{rung}-0" / name for rung in SOME for name in (LAYERS, CONTINUATIONS)]
    made = {path: path.read_bytes() for path in parts}
    again = train_ladder(inputs, out, 1000, 1, settings, asked, SOME, cpu=True, prompts=2, samples=2)
    assert again == found  # read, not trained again
    assert {path: path.read_bytes() for path in parts} == made
    with pytest.raises(SettingsError, match="words"):
        train_ladder(inputs, out, 1500, 1, settings, asked, cpu=True)
