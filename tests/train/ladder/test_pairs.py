"""Pairs of the three judgements: each differs in one thing, and what knows no words is right in half of them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.train.ladder.small_ladder import lexicon_file, passage, speller_of, text_of
from undertone.engine.ladder import LadderPair, fingerprint_of_pairs
from undertone.train.ladder.grammar_pairs import PHENOMENA, grammar_pairs
from undertone.train.ladder.ngrams import ORDERS, PhoneNgrams
from undertone.train.ladder.pair_file import (
    PairSettings,
    make_ladder_pairs,
    ngram_scores,
    sides_of,
    write_ladder_pairs,
)
from undertone.train.ladder.passages import Passage, count_spellings, num_words
from undertone.train.ladder.topic_pairs import find_stories, topic_pairs
from undertone.train.ladder.word_pairs import WordPairs
from undertone.train.lexical.pseudowords import KnownWords

SETTINGS = PairSettings(words=10, grammar_per_kind=6, topics=12, min_count=2)


@pytest.fixture
def pairs(tmp_path: Path) -> list[LadderPair]:
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    ngrams = PhoneNgrams(text.train, len(speller.lexicon.inventory))
    return make_ladder_pairs(text, speller, lexicon_file(tmp_path), SETTINGS, ngrams)


def test_all_judgements_are_there_and_the_same_seed_gives_the_same_file(
    pairs: list[LadderPair], tmp_path: Path
) -> None:
    assert {pair.judgement for pair in pairs} == {"words", "grammar", "topics"}
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    ngrams = PhoneNgrams(text.train, len(speller.lexicon.inventory))
    again = make_ladder_pairs(text, speller, lexicon_file(tmp_path), SETTINGS, ngrams)
    files = [write_ladder_pairs(made, tmp_path / name) for made, name in ((pairs, "one"), (again, "other"))]
    assert fingerprint_of_pairs(files[0]) == fingerprint_of_pairs(files[1])
    assert fingerprint_of_pairs(write_ladder_pairs(pairs[1:], files[1])) != fingerprint_of_pairs(files[0])


def test_a_word_and_its_nonword_have_the_same_phones_and_letters(pairs: list[LadderPair], tmp_path: Path) -> None:
    speller = speller_of(tmp_path)
    for pair in (pair for pair in pairs if pair.judgement == "words"):
        _, (good,), (bad,) = sides_of(pair, speller)
        assert good.phones != bad.phones
        assert sorted(good.phones) == sorted(bad.phones)
        assert sorted(good.spelling) == sorted(bad.spelling)
        assert speller.word(good.spelling) is not None
        assert speller.word(bad.spelling) is None


def test_two_sides_of_a_grammar_pair_differ_in_one_word_or_exchange_two(tmp_path: Path) -> None:
    counts = Counter({word: 9 for kind in PHENOMENA for word in _every_word(kind)})
    made = list(grammar_pairs([], counts, 20, 4, np.random.default_rng(0)))
    assert Counter(pair.kind for pair in made) == dict.fromkeys(PHENOMENA, 20)
    for pair in made:
        good, bad = pair.good.split(), pair.bad.split()
        differing = [place for place, (one, other) in enumerate(zip(good, bad, strict=True)) if one != other]
        swapped = sorted(good) == sorted(bad) and len(differing) == 2 and differing[1] == differing[0] + 1
        assert len(differing) == 1 or swapped, pair
    for kind in PHENOMENA:
        of_kind = [pair for pair in made if pair.kind == kind]
        right = Counter(word for pair in of_kind for word in pair.good.split())
        wrong = Counter(word for pair in of_kind for word in pair.bad.split())
        if kind != "adjective and noun":
            forms = {word for pair in of_kind for word in set(pair.good.split()) ^ set(pair.bad.split())}
            assert all(right[word] == wrong[word] for word in forms), kind
        else:
            assert right == wrong


def _every_word(kind: str) -> set[str]:
    from undertone.train.ladder.grammar_pairs import LEADS

    sentences, _ = PHENOMENA[kind]
    return {word.upper() for lead in LEADS for _, *sides in sentences(lead) for side in sides for word in side.split()}


def test_no_sentence_of_a_grammar_pair_stands_in_the_text_and_rare_words_are_left_out(tmp_path: Path) -> None:
    speller = speller_of(tmp_path)
    text = [passage(speller, "So the boy sees it on a table, and the boys see it.")]
    counts = Counter(dict.fromkeys(("THE", "BOY", "BOYS", "SEE", "SEES", "IT", "AND", "SO"), 9))
    made = list(grammar_pairs(text, counts, 100, 4, np.random.default_rng(0)))
    assert {pair.good for pair in made} == {"AND SO THE BOY SEES IT", "AND SO THE BOYS SEE IT"}
    assert not list(grammar_pairs(text, counts, 100, 10, np.random.default_rng(0)))


def test_every_ending_is_right_once_and_wrong_once_and_of_another_book(tmp_path: Path) -> None:
    held_out = text_of(tmp_path).held_out
    made = list(topic_pairs(held_out, 12, np.random.default_rng(0)))
    assert made
    assert len(made) % 2 == 0
    assert Counter(pair.good for pair in made) == Counter(pair.bad for pair in made)
    for one, other in zip(made[::2], made[1::2], strict=True):
        assert (one.good, one.bad) == (other.bad, other.good)
        assert one.cluster == other.cluster
    for pair in made:
        assert len(pair.good.replace(",", "").split()) == len(pair.bad.replace(",", "").split())
        assert pair.context


def test_stories_do_not_overlap_and_have_the_asked_lengths(tmp_path: Path) -> None:
    speller = speller_of(tmp_path)
    sentences = tuple(found for found in [speller.sentence("The cat sat on the table and so")] * 11 if found)
    stories = list(find_stories([Passage("book", sentences)]))
    assert len(stories) == 2
    assert all(num_words(story.ending) == 8 and len(story.context) == 4 for story in stories)


def test_phone_n_grams_without_words_or_context_are_right_in_half(pairs: list[LadderPair], tmp_path: Path) -> None:
    """M0: phone unigrams tie on words and are balanced on grammar, and endings without context on topics."""
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    scores = ngram_scores(pairs, speller, PhoneNgrams(text.train, len(speller.lexicon.inventory)))
    assert set(scores) == set(ORDERS)

    def share(order: int, judgement: str) -> float:
        both = zip(pairs, *scores[order], strict=True)
        margins = [round(good - bad, 6) for pair, good, bad in both if pair.judgement == judgement]
        return float(np.mean([0.5 + 0.5 * np.sign(margin) for margin in margins]))

    assert share(1, "words") == 0.5
    assert share(1, "grammar") == 0.5
    assert all(share(order, "topics") == 0.5 for order in ORDERS)


def test_longer_n_grams_find_the_words_of_their_text_likelier(tmp_path: Path) -> None:
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    ngrams = PhoneNgrams(text.train, len(speller.lexicon.inventory))
    real, shuffled = speller.text("THE CAT SAT ON THE TABLE"), speller.text("TABLE THE ON SAT CAT THE")
    assert abs(ngrams.log_prob(real, 1) - ngrams.log_prob(shuffled, 1)) < 1e-6
    assert ngrams.log_prob(real, 5) > ngrams.log_prob(shuffled, 5)


def test_bigrams_favour_words_and_nonwords_in_turn(tmp_path: Path) -> None:
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    ngrams = PhoneNgrams(text.train, len(speller.lexicon.inventory))
    counts = count_spellings(text.train)
    known = KnownWords({speller.lexicon.phones(word) or () for word in counts})
    made = list(WordPairs(counts, speller, known, ngrams, 2).pairs(10, np.random.default_rng(0)))
    assert made
    assert len({pair.good for pair in made}) == len(made)
    assert not {pair.bad for pair in made} & set(counts)
