"""Words and nonwords of the same phones."""

from tests.train.lexical.test_pairs import ACT, CAT, TACK
from undertone.train.lexical.pseudowords import Bigrams, KnownWords, find_nonwords, swap_phones


def test_a_nonword_has_the_words_phones_in_another_order_and_is_no_word() -> None:
    assert swap_phones(("K", "AE", "T")) == {("T", "AE", "K")}
    assert swap_phones(("AE", "T")) == set()
    assert ("AH", "L", "AE", "P") in swap_phones(("AE", "L", "AH", "P"))
    words = [(CAT, 5), (TACK, 3), (("K", "AE", "S", "T"), 2), (("S", "AE", "K"), 2), (("AE", "K", "T"), 2)]
    known, bigrams = KnownWords(phones for phones, _ in words), Bigrams(words)
    found = find_nonwords("CATS", CAT, known, bigrams)
    assert all(sorted(pair.nonword) == sorted(CAT) and pair.nonword not in known.words for pair in found)
    assert not known.is_nonword(TACK)
    assert not known.is_nonword(("K", "T", "AE", "S"))  # no word begins so
    assert known.is_nonword(ACT)
    assert [abs(pair.log_ratio) for pair in found] == sorted(abs(pair.log_ratio) for pair in found)
    assert find_nonwords("AT", ("AE", "T"), known, bigrams) == []  # too short


def test_bigrams_know_how_likely_a_word_sounds() -> None:
    bigrams = Bigrams([(CAT, 10), (TACK, 1)])
    common, rare = bigrams.log_prob(CAT), bigrams.log_prob(TACK)
    assert common is not None
    assert rare is not None
    assert common > rare
    assert bigrams.log_prob(("S", "K", "AE", "T")) is None
