"""The card says what was measured: every number with its interval, every gap with its reason."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.evaluations import Numbers, evaluation
from tests.tiny_bundle import make_tiny_bundle, make_tiny_system
from undertone.engine import load_bundle
from undertone.engine.bundle import Bundle
from undertone.engine.config import WhisperConfig
from undertone.studies.evaluation.card_tables import UNDERSTOOD, summary_rows
from undertone.studies.evaluation.model_card import evaluation_of, model_card, write_measured
from undertone.studies.measures.intervals import Estimate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_bundle(tmp_path / "tiny")


def carried(folder: Path, numbers: Numbers) -> tuple[Bundle, str]:
    path = write_measured(folder, evaluation(numbers))
    return load_bundle(folder), path.read_text(encoding="utf-8")


def shown(estimate: Estimate, card: str) -> bool:
    """Whether value and interval stand in the card, in whatever unit and precision the measure is shown."""
    texts = (
        f"{scale * estimate.value:.{digits}f} [{scale * estimate.low:.{digits}f}, {scale * estimate.high:.{digits}f}]"
        for scale in (1, 100)
        for digits in (1, 2, 3)
    )
    return any(text in card for text in texts)


def test_the_card_has_every_number_with_its_interval(folder: Path) -> None:
    numbers = Numbers()
    _, card = carried(folder, numbers)
    missing = [estimate for estimate in numbers.made if not shown(estimate, card)]
    assert not missing
    for text in ("0.001, 1.234", "1 of 2", "0.42", "60 clips (7.0 min)", "20 speakers", "pip install nowhere"):
        assert text in card


def test_the_card_says_what_prompts_that_are_no_clean_speech_are_answered(folder: Path) -> None:
    bundle, card = carried(folder, Numbers())
    assert "| music | 0.87 | -23.4 | -18.6 | 31 | 57 | 1 of 8 |" in card
    assert "| whispering | – | – | – | – | – | 8 of 8 |" in card
    measured = evaluation_of(bundle.config)
    assert measured is not None
    assert ("prompt: music", "peak 0.87, loudest -18.6 LUFS, 1 of 8 refused") in list(summary_rows(measured))


def test_the_summary_has_every_number_too() -> None:
    numbers = Numbers()
    text = "\n".join(f"{name} {value}" for name, value in summary_rows(evaluation(numbers)))
    assert all(shown(estimate, text) for estimate in numbers.made)


def test_the_bundle_and_its_card_agree(folder: Path) -> None:
    numbers = Numbers()
    bundle, card = carried(folder, numbers)
    assert evaluation_of(bundle.config) == evaluation(Numbers())
    assert card == model_card(bundle)


def test_the_front_matter_is_what_the_hub_reads(folder: Path) -> None:
    card = model_card(load_bundle(folder))
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "other"
    assert front["license_name"] == "none: random weights"
    assert front["pipeline_tag"] == "audio-to-audio"
    assert front["language"] == ["en"]


def test_tables_are_whole(folder: Path) -> None:
    _, card = carried(folder, Numbers())
    for block in card.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1, block


def test_what_the_makers_say_stands_among_the_limits(folder: Path) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "limits": ["Its units err once in four phones."]}))
    assert "* Its units err once in four phones.\n\n## Licence" in model_card(load_bundle(folder))


def test_weights_that_come_from_whisper_bring_its_licence(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert "OpenAI" not in model_card(bundle)
    tokenizer = WhisperConfig(num_units=bundle.config.tokenizer.num_units)
    derived = replace(bundle, config=bundle.config.model_copy(update={"tokenizer": tokenizer}))
    assert "Copyright (c) 2022 OpenAI" in model_card(derived).split("## Licence")[1]


def test_a_bundle_that_nobody_measured_says_so_and_how_to(folder: Path) -> None:
    card = model_card(load_bundle(folder))
    assert "undertone evaluate" in card
    assert not re.search(r"\d \[\d", card)


def test_the_card_says_which_second_recogniser_listened(folder: Path) -> None:
    _, card = carried(folder, Numbers())
    assert "faster-whisper with the model base" in card
    assert "| authors |" in card.split("### Other systems, by the same judges")[1]
    deaf = evaluation(Numbers()).model_copy(update={"whisper": None, "others": {}})
    text = write_measured(folder, deaf).read_text(encoding="utf-8")
    assert "faster-whisper with" not in text
    assert "### Other systems" not in text


def test_a_measure_that_is_missing_is_not_a_column_of_dashes(folder: Path) -> None:
    full = evaluation(Numbers())
    systems = {
        system: {key: value for key, value in row.items() if key not in UNDERSTOOD}
        for system, row in full.systems.items()
    }
    path = write_measured(folder, full.model_copy(update={"systems": systems, "continuations": {}}))
    card = path.read_text(encoding="utf-8")
    assert "CER, %" not in card
    assert "### Continuations" not in card


@pytest.mark.parametrize(
    ("system", "said"),
    [("Token-LM", "predicts discrete units, a"), ("Token-LM + Acoustic", "acoustic codes behind each")],
)
def test_a_baselines_card_is_about_the_baseline(system: str, said: str, tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "voice")
    card = model_card(load_bundle(make_tiny_system(tmp_path / "voice", tmp_path / "system", system)))
    assert f"{system}, a baseline of the paper" in card
    assert said in card
    assert "latent" not in card.split("## Use")[0]
    assert "variational" not in card.split("## Use")[0]
    assert "tokenizer is stored in the bundle 'voice' beside it" in card
