"""Words from phones: exact phones give the words back, misheard ones cost little, and every word lies in time."""

import numpy as np
import pytest
import torch

from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.engine.words import WordDecoder, phone_runs
from undertone.engine.words.phone_costs import PhoneCosts
from undertone.engine.words.phone_runs import SILENCE

NAMES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONES = (*NAMES.split(),)
SENTENCE = "DH AH W IH N D OW W AA Z OW P AH N | AE N D DH AH R UW M W AA Z K OW L D"
WORDS = "the window was open and the room was cold"


@pytest.fixture(scope="module")
def decoder() -> WordDecoder:
    centroids = torch.randn(PARTS_OF_PHONE * (len(PHONES) + 1), 8, generator=torch.Generator().manual_seed(0))
    return WordDecoder(PHONES, PhoneCosts.of(centroids, error_rate=0.1))


def units(phones: list[int], frames_of_part: int = 2) -> list[int]:
    """Return the tokens of phones that were heard, every part for two frames."""
    return [PARTS_OF_PHONE * phone + part for phone in phones for part in range(3) for _ in range(frames_of_part)]


def indices(text: str) -> list[int]:
    return [SILENCE if phone == "|" else PHONES.index(phone) + 1 for phone in text.split()]


def test_runs_cover_all_frames_and_split_a_phone_that_begins_again() -> None:
    tokens = units(indices("S S AH | AH"))
    runs = phone_runs(tokens)
    assert [run.phone for run in runs] == indices("S S AH | AH")
    assert [run.start for run in runs] == [0, *(run.end for run in runs[:-1])]
    assert runs[-1].end == len(tokens)


def test_exact_phones_give_the_words_and_their_times(decoder: WordDecoder) -> None:
    found = decoder.words(units(indices(SENTENCE)))
    assert " ".join(word.text for word in found) == WORDS
    assert all(word.fit == 1.0 for word in found)
    lengths = [2, 5, 3, 4, 3, 2, 3, 3, 4]  # phones of each word
    starts = np.cumsum([0, *lengths])[:-1] + (np.arange(9) >= 4)  # the pause is a phone of its own
    assert [word.start for word in found] == [6 * start for start in starts]
    assert [word.end - word.start for word in found] == [6 * length for length in lengths]


def test_words_survive_misheard_missed_and_added_phones(decoder: WordDecoder) -> None:
    heard = "DH AH W IH N OW W AA Z OW B AH N | AE N D DH AH R UW M W AA Z K L OW L D"  # one of each
    found = decoder.words(units(indices(heard)))
    assert " ".join(word.text for word in found) == WORDS
    assert min(word.fit for word in found) < 1.0


def test_what_no_word_fits_is_said_to_be_unknown(decoder: WordDecoder) -> None:
    found = decoder.words(units(indices("ZH ZH ZH ZH ZH ZH ZH ZH")))
    assert any(word.text == "" and word.fit == 0.0 for word in found)


def test_silence_has_no_words(decoder: WordDecoder) -> None:
    assert decoder.words([0] * 50) == []
    assert decoder.words([]) == []


def test_near_phones_cost_less_than_far_ones() -> None:
    centroids = torch.zeros(4 * PARTS_OF_PHONE, 2)
    for phone, place in enumerate((0.0, 1.0, 1.2, 3.0)):
        centroids[PARTS_OF_PHONE * phone : PARTS_OF_PHONE * (phone + 1), 0] = place
    costs = PhoneCosts.of(centroids, error_rate=0.1)
    assert costs.heard[1, 1] < costs.heard[1, 2] < costs.heard[1, 3]
    assert np.exp(-costs.heard[1]).sum() == pytest.approx(1 - 0.1 * 0.4, abs=0.01)  # the rest is missed or inserted
