"""All rungs' tokens of one text say the same phones, and letters of unknown words are read."""

from pathlib import Path

import numpy as np

from tests.train.ladder.small_ladder import inventory_of, speller_of, text_of
from undertone.engine.ladder import RUNGS
from undertone.train.ladder.passages import count_spellings
from undertone.train.ladder.said_phones import SaidPhones
from undertone.train.ladder.spelling import LetterGroups
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.streams import LetterStream, SpeechOfLadder, make_stream


def test_the_same_words_are_the_same_phones_in_every_rung(tmp_path: Path) -> None:
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    phones = speller.lexicon.inventory
    inventory, units = inventory_of(len(phones))
    middles = 3 * (units // 3) + 1  # whoever speaks: the units of the test say the speaker
    speech = SpeechOfLadder({one: Splicer(inventory, one) for one in (True, False)}, middles, middles)
    words = [word for word in map(speller.word, sorted(count_spellings(text.train))) if word is not None]
    letters = LetterGroups([(word.spelling, word.phones) for word in words])
    spoken = speller.text("THE CAT SAT , AND SO , THE")  # the last word of letters is left out
    expected = [phone for word in spoken[:-1] for phone in word.phones]
    for rung in RUNGS:
        stream = make_stream(rung, text.train, phones, speech)
        said = SaidPhones(rung, stream, speller, letters, np.arange(3 * len(phones) + 3))
        kept = spoken if rung.startswith("text") else spoken[:-1]
        assert said(np.concatenate(stream.encode(kept, (0,)))) == expected, rung


def test_a_word_that_the_dictionary_lacks_is_read_by_its_letters(tmp_path: Path) -> None:
    speller = speller_of(tmp_path)
    words = [speller.word(spelling) for spelling in ("CAT", "SAT", "NOT", "DOG", "SO")]
    letters = LetterGroups([(word.spelling, word.phones) for word in words if word is not None])
    stream = LetterStream()
    said = SaidPhones("text-raw", stream, speller, letters, np.zeros(0, np.int64))
    tokens = np.array([stream.names.index(name) for name in "_TAC_"])
    names = ("silence", *speller.lexicon.inventory)
    assert [names[phone] for phone in said(tokens)] == ["T", "AE", "K"]
    assert letters.read("ZZZ") == ()
