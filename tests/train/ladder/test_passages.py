"""Text of the ladder: words of the dictionary, pauses, books that are held out."""

from pathlib import Path

import pytest

from tests.train.ladder.small_ladder import lexicon_file, speller_of, text_folder, text_of
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.ladder.passages import PAUSE, is_held_out_book, marked_text, num_words, read_ladder_text


def test_punctuation_is_a_pause_and_never_at_the_ends(tmp_path: Path) -> None:
    sentence = speller_of(tmp_path).sentence('"The cat sat, and -- so -- the dog sat!"')
    assert sentence is not None
    assert marked_text(sentence) == "THE CAT SAT , AND , SO , THE DOG SAT"
    assert num_words(sentence) == 8
    assert PAUSE not in (sentence[0], sentence[-1])


def test_a_sentence_with_an_unknown_word_is_left_out(tmp_path: Path) -> None:
    assert speller_of(tmp_path).sentence("The cat sat on a xylophone.") is None


def test_a_pairs_text_reads_back_as_the_same_words(tmp_path: Path) -> None:
    speller = speller_of(tmp_path)
    words = speller.text("THE CAT , AND SO")
    assert speller.text(marked_text(words)) == words
    with pytest.raises(CorpusError, match="XYLOPHONE"):
        speller.text("THE XYLOPHONE")


def test_no_book_is_on_both_sides_and_a_longer_text_begins_as_a_shorter(tmp_path: Path) -> None:
    short, long = text_of(tmp_path, 500), text_of(tmp_path, 2000)
    assert 500 <= short.num_words < long.num_words
    assert not {one.book for one in long.train} & {one.book for one in long.held_out}
    assert all(is_held_out_book(one.book) for one in long.held_out)
    for one, other in zip(short.train, long.train, strict=True):
        assert other.sentences[: len(one.sentences)] == one.sentences


def test_a_text_that_is_missing_or_too_small_is_refused(tmp_path: Path) -> None:
    lexicon = Lexicon(lexicon_file(tmp_path))
    with pytest.raises(CorpusError, match="--text"):
        read_ladder_text(tmp_path / "nowhere", lexicon, 100)
    with pytest.raises(CorpusError, match="1 books"):
        read_ladder_text(text_folder(tmp_path, books=1), lexicon, 100)
