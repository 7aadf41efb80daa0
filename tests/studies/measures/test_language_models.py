"""Likelihoods of texts: distributions sum to one, agree with the formula written out, and prefer text to word salad."""

import math
from types import SimpleNamespace

import pytest
import torch

from undertone.studies.errors import MeasureError
from undertone.studies.measures.intervals import ShareEstimate
from undertone.studies.measures.language_models import UNKNOWN, PackagedNgrams, TransformersModel, WordNgrams

TEXT = ["the", "cat", "saw", "the", "dog", "and", "the", "dog", "saw", "the", "cat", "and", "a", "bird", "sang"]


def naive(words: list[str], order: int, word: str, context: list[str]) -> float:
    """Witten-Bell, from the lists themselves; every word of the text is known."""
    known = sorted(set(words))
    if word not in known:
        word = UNKNOWN

    def interpolated(length: int) -> float:
        if length < 0:
            return 1 / (len(known) + 1)
        shorter = interpolated(length - 1)
        before = context[len(context) - length :] if length else []
        behind = [words[end] for end in range(length, len(words)) if words[end - length : end] == before]
        return (
            (behind.count(word) + len(set(behind)) * shorter) / (len(behind) + len(set(behind))) if behind else shorter
        )

    return interpolated(min(order - 1, len(context)))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_are_the_formulas_and_sum_to_one(order: int) -> None:
    model = WordNgrams("test", TEXT, order, min_count=1)
    for context in ([], ["the"], ["saw", "the"], ["never", "heard"], ["the", "never"]):
        found = {word: model.probability(word, context) for word in model.vocabulary}
        assert sum(found.values()) == pytest.approx(1.0)
        for word, probability in found.items():
            assert probability == pytest.approx(naive(TEXT, order, word, context))


def test_rare_words_share_their_class() -> None:
    model = WordNgrams("test", TEXT, 2, min_count=2)
    assert model.vocabulary == {"the", "cat", "saw", "dog", "and", UNKNOWN}
    shared = model.probability("bird", ["the"])
    assert shared == model.probability("zebra", ["the"])
    known = sum(model.probability(word, ["the"]) for word in model.vocabulary - {UNKNOWN})
    assert known + 3 * shared == pytest.approx(1.0)  # a, bird and sang came once


def test_a_text_costs_the_sum_of_its_words() -> None:
    model = WordNgrams("test", TEXT, 3)
    found = model.nats("the dog saw")
    chain = [model.probability("the"), model.probability("dog", ["the"]), model.probability("saw", ["the", "dog"])]
    assert found == ShareEstimate(pytest.approx(-sum(map(math.log, chain))), 3)
    assert model.nats("") == ShareEstimate(0.0, 0)
    with pytest.raises(MeasureError, match="no text"):
        WordNgrams("empty", [])


def test_the_packaged_trigrams_prefer_english_to_its_words_in_disorder() -> None:
    model = PackagedNgrams()
    said, mixed = (model.nats(text) for text in ("it was one of the best of them", "them of best one the it of was"))
    assert said.count == mixed.count == 8
    assert said.total < mixed.total - 5
    assert model.nats("it was xqzzt one") == model.nats("it was one")
    assert model.nats("") == ShareEstimate(0.0, 0)


class Uniform(torch.nn.Module):
    """Logits of a distribution that is the same after everything."""

    def forward(self, input_ids: torch.Tensor) -> SimpleNamespace:
        logits = torch.tensor([0.0, math.log(2.0), math.log(5.0)])
        return SimpleNamespace(logits=logits.expand(*input_ids.shape, 3))


class Letters:
    bos_token_id, eos_token_id = None, 0

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        return {"input_ids": ["_ab".index(letter) for letter in text]}


def test_a_loaded_model_is_asked_for_every_token_after_the_one_that_begins() -> None:
    tokenizer = Letters()
    model = TransformersModel("letters", tokenizer, Uniform())
    found = model.nats("abb")
    assert found.count == 3
    assert found.total == pytest.approx(-math.log(2 / 8) - 2 * math.log(5 / 8))
    tokenizer.eos_token_id = None
    without = TransformersModel("letters", tokenizer, Uniform())
    assert without.nats("abb") == ShareEstimate(pytest.approx(-2 * math.log(5 / 8)), 2)
    assert without.nats("a") == without.nats("") == ShareEstimate(0.0, 0)
