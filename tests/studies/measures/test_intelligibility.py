"""Error rates and the first recogniser."""

import pytest
import torch

from tests.speechlike import voice
from undertone.studies.errors import NotInstalledError
from undertone.studies.measures import intelligibility
from undertone.studies.measures.intelligibility import (
    Transcript,
    Word,
    character_errors,
    normalise_text,
    transcribe,
    word_errors,
)
from undertone.studies.measures.intervals import ShareEstimate


def test_error_rates_count_edits() -> None:
    assert character_errors("HELLO, WORLD!", "hello world") == ShareEstimate(0, 11)
    assert character_errors("abcd", "abxd") == ShareEstimate(1, 4)
    assert character_errors("abcd", "") == ShareEstimate(4, 4)
    assert word_errors("the cat sat", "the hat sat down") == ShareEstimate(2, 3)


def test_texts_are_compared_without_case_and_punctuation() -> None:
    assert normalise_text("It’s  WELL-known, “Jos.”") == "it's well known jos"


def test_a_word_counts_as_real_only_where_the_sound_bears_it_out() -> None:
    transcript = Transcript((Word("sure", -2.0, 0.9), Word("babble", -6.0, 0.9), Word("unlikely", -2.0, 0.01)))
    assert transcript.text == "sure babble unlikely"
    assert transcript.real_words == ShareEstimate(1, 3)


def test_the_recogniser_finds_nothing_in_silence_and_forgets_what_it_heard_before() -> None:
    buzz = torch.from_numpy(voice(2.0, 120, seed=1))
    first = transcribe(buzz)
    assert transcribe(torch.zeros(16_000)).words == ()
    transcribe(torch.from_numpy(voice(2.0, 220, seed=2)))
    assert transcribe(buzz) == first


def test_a_missing_recogniser_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intelligibility, "find_spec", lambda package: None)
    with pytest.raises(NotInstalledError, match=r"pip install 'undertone\[evaluate\]'"):
        intelligibility.check_recogniser_installed()
