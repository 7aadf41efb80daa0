"""Pieces of words: whole words again, and none across two words."""

from undertone.train.ladder.passages import TextWord
from undertone.train.ladder.pieces import NUM_LETTERS, Pieces, letters_of


def test_frequent_words_become_one_piece_and_rare_ones_several() -> None:
    pieces = Pieces([(1, 2, 3)] * 50 + [(4, 5)] + [(3, 1)], 8)
    assert len(pieces.encode((1, 2, 3))) == 1
    assert len(pieces.encode((5, 4))) == 2
    assert pieces.vocabulary <= 8


def test_different_words_have_different_pieces_and_the_same_word_the_same() -> None:
    pieces = Pieces([(1, 2), (2, 1), (1, 2, 1)] * 5, 20)
    words = [(1, 2), (2, 1), (1, 2, 1), (2, 2)]
    assert len({tuple(pieces.encode(word)) for word in words}) == len(words)
    assert pieces.encode((2, 1)) == pieces.encode((2, 1))


def test_letters_have_numbers_of_their_own() -> None:
    letters = letters_of(TextWord("AZ'É", (1,)))
    assert letters == [1, 26, 27, NUM_LETTERS]
