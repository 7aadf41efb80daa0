"""The one file of pairs that every rung is judged on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from undertone.engine.config import Config
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import LadderPair
from undertone.train.alignment.pronunciations import list_pronunciations
from undertone.train.ladder.grammar_pairs import grammar_pairs
from undertone.train.ladder.ngrams import ORDERS, PhoneNgrams
from undertone.train.ladder.passages import PAUSE, LadderText, Speller, TextWord, count_spellings
from undertone.train.ladder.topic_pairs import topic_pairs
from undertone.train.ladder.word_pairs import WordPairs
from undertone.train.lexical.pseudowords import KnownWords
from undertone.train.loop.settings import Count

PAIR_KEY = 1_000_003  # in keys of pairs, so that none is that of a passage


class PairSettings(Config):
    """How many pairs there are of each judgement, and how common their words are."""

    words: Count = 600
    grammar_per_kind: Count = 120
    topics: Count = 300
    min_count: Count = 4  # of a word in the training text


def make_ladder_pairs(
    text: LadderText, speller: Speller, lexicon: Path, settings: PairSettings, ngrams: PhoneNgrams, seed: int = 0
) -> list[LadderPair]:
    """Return the pairs of all three judgements.

    Args:
        text: stories are taken from what is held out, words from what is trained on.
        lexicon: the dictionary's file or folder.
        ngrams: of the training text.
    """
    counts = count_spellings(text.train)
    known = KnownWords({phones for _, phones in list_pronunciations(lexicon)})
    makers = np.random.default_rng(seed).spawn(3)
    words = WordPairs(counts, speller, known, ngrams, settings.min_count)
    return [
        *words.pairs(settings.words, makers[0]),
        *grammar_pairs(text.train, counts, settings.grammar_per_kind, settings.min_count, makers[1]),
        *topic_pairs(text.held_out, settings.topics, makers[2]),
    ]


def write_ladder_pairs(pairs: Sequence[LadderPair], path: Path) -> Path:
    """Write one JSON object a line."""
    return write_whole(path, "".join(f"{pair.model_dump_json()}\n" for pair in pairs))


def sides_of(pair: LadderPair, speller: Speller) -> tuple[list[TextWord], list[TextWord], list[TextWord]]:
    """Return the words of the context, of the good side and of the bad one; a nonword has its own phones."""
    bad = speller.text(pair.bad) if not pair.bad_phones else [_nonword(pair, speller)]
    return speller.text(pair.context), speller.text(pair.good), bad


def spoken_sides(pair: LadderPair, speller: Speller) -> list[tuple[list[TextWord], int]]:
    """Return what is said for the good side and the bad one, between two pauses, and how many words are context."""
    context, *sides = sides_of(pair, speller)
    before = [PAUSE, *context, PAUSE] if context else [PAUSE]
    return [([*before, *side, PAUSE], len(before)) for side in sides]


def _nonword(pair: LadderPair, speller: Speller) -> TextWord:
    return TextWord(pair.bad, tuple(speller.phone_class[phone] for phone in pair.bad_phones.split()))


def ngram_scores(
    pairs: Sequence[LadderPair], speller: Speller, ngrams: PhoneNgrams
) -> dict[int, tuple[list[float], list[float]]]:
    """Return the log-likelihoods of both sides of all pairs without their context, by the order of the model."""
    sides = [sides_of(pair, speller)[1:] for pair in pairs]
    return {
        order: (
            [ngrams.log_prob(good, order) for good, _ in sides],
            [ngrams.log_prob(bad, order) for _, bad in sides],
        )
        for order in ORDERS
    }
