"""The projection before clustering: it keeps what tells classes apart, and asks for enough of them."""

from pathlib import Path

import numpy as np
import pytest

from engine.tokenizers.phonetic import PhoneticTokenizer
from tests.train.tiny_recipes import TOKENIZER
from train.export import load_tokenizer, trained_numbers
from train.features import fingerprint
from train.phones import Lexicon
from train.phonetic_units import UNLABELLED, discriminants, fit_units
from train.prepare import CorpusError
from train.runs import run_tokenizer


def test_the_projection_finds_the_direction_of_the_classes_among_louder_ones() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 3000)
    features = random.normal(size=(3000, 5)) * [2.0, 1.0, 1.5, 0.2, 1.0]
    features[:, 3] += labels  # the quietest direction says it
    labels[:100] = UNLABELLED
    weight, bias = discriminants(features, labels, 1)
    projected = features @ weight.numpy()[0] + bias.numpy()[0]
    assert abs(np.corrcoef(projected[100:], labels[100:])[0, 1]) > 0.96
    within = np.mean([projected[labels == label].var() for label in range(3)])
    assert within == pytest.approx(1.0, rel=0.05)
    assert abs(projected[100:].mean()) < 1e-3


def test_too_few_classes_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(CorpusError, match="leave out projection_dim"):
        discriminants(np.random.default_rng(0).normal(size=(100, 8)), np.zeros(100, dtype=np.int64), 4)


def test_a_tokenizer_with_projection_and_switch_cost(prepared: Path, lexicon_folder: Path, tmp_path: Path) -> None:
    model = TOKENIZER.model.model_copy(update={"projection_dim": 2, "switch_cost": 4.0})
    run_tokenizer(TOKENIZER.model_copy(update={"model": model}), prepared, lexicon_folder, tmp_path / "run", cpu=True)
    tokenizer = load_tokenizer(tmp_path / "run")
    assert isinstance(tokenizer, PhoneticTokenizer)
    assert tokenizer.centroids.shape == (12, 2)
    calm = trained_numbers(tmp_path / "run")["mean_run_frames"]
    tokenizer.config = tokenizer.config.model_copy(update={"switch_cost": 0.0})
    restless = fit_units(tokenizer, prepared, Lexicon(lexicon_folder), TOKENIZER.kmeans_frames)["mean_run_frames"]
    assert calm > restless


def test_another_switch_cost_makes_other_tokens(tokenizer_run: Path) -> None:
    tokenizer = load_tokenizer(tokenizer_run)
    assert isinstance(tokenizer, PhoneticTokenizer)
    before = fingerprint(tokenizer)
    tokenizer.config = tokenizer.config.model_copy(update={"switch_cost": 4.0})
    assert fingerprint(tokenizer) != before
