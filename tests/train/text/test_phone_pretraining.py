"""The transformer on prose as phones: what it reads, that it learns, and that nothing but it is changed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL, constant_schedule, untrained_weights, weights_after
from undertone.engine.network import VAEGSLM
from undertone.engine.network.layers.alibi import AlibiBias
from undertone.train.corpora.source import CorpusError
from undertone.train.text.phone_pretraining import PhoneStage, join_sentences
from undertone.train.text.prose import Prose

NUM_PHONES = 5
SENTENCE = [1, 2, 3, 4, 5, 3, 1]


def prose(count: int = 40) -> Prose:
    symbols = np.array(SENTENCE * count, dtype=np.uint8)
    return Prose(symbols, np.arange(0, len(symbols) + 1, len(SENTENCE)), np.zeros(count), ("emma",), 0)


NO_PROSE = Prose(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0), (), 0)
RECIPE = constant_schedule(
    MODEL.model_copy(
        update={
            "part": "language",
            "window_frames": 24,
            "learning_rate": 1e-2,
            "model": MODEL.model.model_copy(update={"num_tokens": 3 * (NUM_PHONES + 1)}),
        }
    )
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_weights(RECIPE, tmp_path_factory.mktemp("decoder"))


def stage(start: Path, accelerator: Accelerator | None = None, num_phones: int = NUM_PHONES) -> PhoneStage:
    return PhoneStage(RECIPE, prose(), prose(20), num_phones, accelerator or Accelerator(cpu=True), start)


def test_running_text_has_a_pause_behind_each_sentence() -> None:
    assert join_sentences(prose(2)).tolist() == [*SENTENCE, 0, *SENTENCE, 0]
    assert not len(join_sentences(NO_PROSE))


def test_it_learns_which_phone_follows(start: Path) -> None:
    learner = stage(start)
    before = learner.evaluate(0)["nats_per_phone"]
    assert before > 1.5  # six of them: ln 6 is 1.79
    for step in range(80):
        learner.step(step, 0.5)
    assert learner.evaluate(80)["nats_per_phone"] < 0.5 * before


def test_three_steps_and_three_resumed_are_six(start: Path, tmp_path: Path) -> None:
    def make(accelerator: Accelerator) -> PhoneStage:
        return stage(start, accelerator)

    whole = weights_after(make, tmp_path / "whole", [6])
    resumed = weights_after(make, tmp_path / "resumed", [3, 6])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert whole.keys() == VAEGSLM(RECIPE.model).state_dict().keys()  # no stretched table among them


def test_a_position_counts_as_the_frames_of_a_phone_also_after_a_move(start: Path) -> None:
    plain, stretched = AlibiBias(4, 32), AlibiBias(4, 32)
    stretched.stretch(4.0)
    stretched.to("cpu", torch.float64)
    assert torch.allclose(stretched(5, 5), 4 * plain(5, 5))
    assert torch.allclose(stretched(1, 9), 4 * plain(1, 9))


def test_without_held_out_books_nothing_is_measured(start: Path) -> None:
    learner = PhoneStage(RECIPE, prose(), NO_PROSE, NUM_PHONES, Accelerator(cpu=True), start)
    assert learner.evaluate(0) == {}


def test_units_that_are_no_parts_of_phones_are_refused(start: Path) -> None:
    with pytest.raises(CorpusError, match="Train the tokenizer with phone_parts"):
        stage(start, num_phones=7)
