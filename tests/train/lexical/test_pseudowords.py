"""Words and nonwords of the same phones."""

from tests.train.lexical.test_pairs import ACT, CAT, TACK
from undertone.train.lexical.pseudowords import Bigrams, KnownPhones, nonwords, phone_swaps


def test_a_twin_has_the_words_phones_in_another_order_and_is_no_word() -> None:
    assert phone_swaps(("K", "AE", "T")) == {("T", "AE", "K")}
    assert phone_swaps(("AE", "T")) == set()
    assert ("AH", "L", "AE", "P") in phone_swaps(("AE", "L", "AH", "P"))
    words = [(CAT, 5), (TACK, 3), (("K", "AE", "S", "T"), 2), (("S", "AE", "K"), 2), (("AE", "K", "T"), 2)]
    known, bigrams = KnownPhones(phones for phones, _ in words), Bigrams(words)
    found = nonwords("CATS", CAT, known, bigrams)
    assert all(sorted(twin.twin) == sorted(CAT) and twin.twin not in known.words for twin in found)
    assert not known.could_be(TACK)
    assert not known.could_be(("K", "T", "AE", "S"))  # no word begins so
    assert known.could_be(ACT)
    assert [abs(twin.nats) for twin in found] == sorted(abs(twin.nats) for twin in found)
    assert nonwords("AT", ("AE", "T"), known, bigrams) == []  # too short


def test_bigrams_know_how_likely_a_word_sounds() -> None:
    bigrams = Bigrams([(CAT, 10), (TACK, 1)])
    common, rare = bigrams.log_prob(CAT), bigrams.log_prob(TACK)
    assert common is not None
    assert rare is not None
    assert common > rare
    assert bigrams.log_prob(("S", "K", "AE", "T")) is None
