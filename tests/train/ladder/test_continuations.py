"""Continuations: prompts of held-out books, a judge that knows its books, and the same draws from the same model."""

from pathlib import Path

import numpy as np
import pytest

from tests.train.ladder.small_ladder import SENTENCES, passage, speller_of
from undertone.train.corpora.source import CorpusError
from undertone.train.ladder import continuations as module
from undertone.train.ladder.continuations import PhoneJudge, find_prompts
from undertone.train.ladder.passages import num_words


def test_prompts_are_beginnings_of_whole_words_with_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROMPT_WORDS", 3)
    monkeypatch.setattr(module, "MORE_WORDS", 4)
    passages = [passage(speller_of(tmp_path), *SENTENCES)]
    found = find_prompts(passages, 4)
    assert len(found) == 4
    for prompt in found:
        assert (num_words(prompt.words), num_words(prompt.more)) == (3, 4)
        assert any((*prompt.words[1:], *prompt.more) == one[: len(prompt.words) + len(prompt.more) - 1]
                   for one in passages[0].sentences)  # fmt: skip
    monkeypatch.setattr(module, "MORE_WORDS", 40)
    with pytest.raises(CorpusError, match="43 words"):
        find_prompts(passages, 4)


def test_the_judge_expects_its_own_book_and_not_its_phones_in_disorder(tmp_path: Path) -> None:
    speller = speller_of(tmp_path)
    judge = PhoneJudge([passage(speller, *SENTENCES)] * 20, speller.lexicon.inventory)
    phones = [phone for word in speller.text("AND THE DOG SEES IT") for phone in word.phones]
    known, mixed = judge.judge(0, [0], phones), judge.judge(0, [0], np.random.default_rng(0).permutation(phones))
    assert known.nats < mixed.nats / 3
    assert known.phones[:3] == ("AE", "N", "D")
    assert judge.judge(3, [], []).nats == 0
