"""AUTO-BLEU, self-BLEU and VERT against a scorer written from the definitions, n-gram by n-gram."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.studies.measures.repetition import auto_bleu, self_bleu, vert

TEXTS = st.lists(st.lists(st.sampled_from("abcd"), max_size=9), min_size=1, max_size=5)


def grams(words: list[str], order: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(order)), strict=False))


def naive_auto_bleu(words: list[str], longest: int) -> float:
    if len(words) <= 1:
        return 0.0
    product = 1.0
    for order in range(1, longest + 1):
        found = grams(words, order)
        again = [
            one in grams(words[:place], order) + grams(words[place + order :], order) for place, one in enumerate(found)
        ]
        product *= (sum(again) / len(found) if found else 0.0) ** (1 / longest)
    return product


def naive_self_bleu(texts: list[list[str]], longest: int) -> list[float]:
    scores = []
    for index, words in enumerate(texts):
        product = 1.0
        for order in range(1, longest + 1):
            found = grams(words, order)
            others = [grams(other, order) for place, other in enumerate(texts) if place != index]
            matched = 0
            for one in set(found):
                matched += min(found.count(one), max((other.count(one) for other in others), default=0))
            product *= (matched / len(found) if found else 0.0) ** (1 / longest)
        scores.append(product)
    return scores


@settings(max_examples=60)
@given(TEXTS, st.integers(1, 3))
def test_a_scorer_from_the_definitions_agrees(texts: list[list[str]], longest: int) -> None:
    assert [auto_bleu(words, longest) for words in texts] == pytest.approx(
        [naive_auto_bleu(words, longest) for words in texts]
    )
    assert self_bleu(texts, longest) == pytest.approx(naive_self_bleu(texts, longest))


def test_repetition_lies_between_none_and_all() -> None:
    assert auto_bleu(["every", "word", "here", "differs"]) == 0.0
    assert auto_bleu(["so"] * 6) == 1.0
    assert auto_bleu(["so", "so", "so"]) == pytest.approx(1.0 * 0.0)  # the two pairs overlap
    assert self_bleu([["a", "b", "c"]] * 3) == [1.0, 1.0, 1.0]
    assert self_bleu([["a", "b"], ["c", "d"]]) == [0.0, 0.0]
    assert self_bleu([]) == []


def test_the_order_of_texts_is_nothing() -> None:
    texts = [["a", "b", "a"], ["b", "a"], ["a", "c", "a", "b"]]
    assert self_bleu(texts[::-1]) == pytest.approx(self_bleu(texts)[::-1])


def test_vert_is_the_geometric_mean_of_means_with_an_interval_over_clusters() -> None:
    random = np.random.default_rng(0)
    own, others = random.random(24).tolist(), random.random(24).tolist()
    for clusters in (range(24), [place // 4 for place in range(24)]):
        found = vert(own, others, list(clusters))
        assert found is not None
        assert found.value == pytest.approx(np.sqrt(np.mean(own) * np.mean(others)))
        assert found.low < found.value < found.high
        assert found.clusters == len(set(clusters))
    assert vert([], [], []) is None
