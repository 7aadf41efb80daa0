"""What is computed of the transcripts of continuations, without a model or a sound."""

import math

import pytest

from undertone.studies.evaluation.continuations import text_measures, vert_estimates
from undertone.studies.evaluation.results import Row, pool_rows
from undertone.studies.measures.language_models import WordNgrams
from undertone.studies.measures.repetition import auto_bleu, self_bleu

SAID = ["the cat saw the cat", "", "a dog saw the cat", "zebras"]
NATURAL = ["one two three", "four five six", "seven eight", "nine"]


def rows() -> list[Row]:
    judge = WordNgrams("test", ["the", "cat", "saw", "the", "dog", "and", "the", "dog", "saw", "a", "cat"])
    measures = text_measures({"": SAID, "_natural": NATURAL}, judge)
    return [
        Row(f"clip {place}", f"speaker {place % 2}", 5.0, "continuation", one) for place, one in enumerate(measures)
    ]


def test_perplexity_is_of_all_words_together() -> None:
    judge = WordNgrams("test", ["the", "cat", "saw", "the", "dog", "and", "the", "dog", "saw", "a", "cat"])
    pooled = pool_rows(rows(), "clip")
    shares = [judge.nats(text) for text in SAID]
    assert pooled["transcript_perplexity"].count == sum(len(text.split()) for text in SAID)
    expected = math.exp(sum(share.total for share in shares) / sum(share.count for share in shares))
    assert pooled["transcript_perplexity"].value == pytest.approx(expected)
    assert pooled["transcript_perplexity"].low <= expected <= pooled["transcript_perplexity"].high


def test_vert_is_of_the_means_of_every_kind_that_was_read() -> None:
    words = [text.split() for text in SAID]
    found = vert_estimates(rows(), "speaker")
    assert set(found) == {"vert", "vert_natural"}
    own, others = sum(map(auto_bleu, words)) / 4, sum(self_bleu(words)) / 4
    assert found["vert"].value == pytest.approx(math.sqrt(own * others))
    assert found["vert"].clusters == 2
    assert found["vert_natural"].value == 0.0


def test_without_a_recogniser_there_is_nothing_to_read() -> None:
    silent = [Row("clip", "speaker", 5.0, "continuation", {})]
    assert vert_estimates(silent, "clip") == {}
    assert text_measures({}, WordNgrams("test", ["a"])) == []
