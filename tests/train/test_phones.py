from pathlib import Path

import pytest

from train.phones import Lexicon
from train.prepare import CorpusError


def test_stress_and_alternatives_are_dropped(lexicon: Lexicon) -> None:
    assert lexicon.phones("THE") == ("DH", "AH")
    assert not any(phone[-1].isdigit() for phone in lexicon.inventory)


def test_classes_start_after_the_blank(lexicon: Lexicon) -> None:
    classes = lexicon.classes("The cat, sat.")
    assert classes is not None
    assert len(classes) == 8
    assert min(classes) >= 1
    assert max(classes) <= len(lexicon.inventory)


@pytest.mark.parametrize("transcript", ["", "the zebra", "cat 9 sat", "..."])
def test_unknown_words_and_digits_leave_no_transcript(lexicon: Lexicon, transcript: str) -> None:
    assert lexicon.classes(transcript) is None


def test_a_folder_without_a_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cmudict\.dict"):
        Lexicon(tmp_path)
