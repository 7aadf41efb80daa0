"""Pairs are spoken in one voice, with equal segments where they agree, and every span is of its phone."""

from pathlib import Path

import numpy as np
import pytest

from tests.train.ladder.small_ladder import inventory_of, speller_of, text_folder
from undertone.engine.ladder import PAUSE_PHONE, LadderPair, SpokenPair
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.flat_files import Clip
from undertone.train.ladder.pair_file import spoken_sides
from undertone.train.ladder.passages import HELD_OUT_WORDS, Speller, num_words, read_ladder_text
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.spoken_pairs import speak_pairs

GRAMMAR = LadderPair(judgement="grammar", kind="agreement", cluster="boy", good="THE BOY SEES IT", bad="THE BOY SEE IT")
TOPIC = LadderPair(
    judgement="topics",
    kind="topics",
    cluster="1",
    context="THE CAT SAT , SO IT SAT",
    good="A DOG SAT",
    bad="A BOY SEES",
)
WORD = LadderPair(judgement="words", kind="words", cluster="CAT", good="CAT", bad="TAC", bad_phones="T AE K")


@pytest.fixture
def speller(tmp_path: Path) -> Speller:
    return speller_of(tmp_path)


@pytest.fixture
def spoken(speller: Speller) -> dict[str, tuple[SpokenPair, np.ndarray]]:
    """Each pair, and the phone of every frame of the recordings that it is made of."""
    inventory, units = inventory_of(len(speller.lexicon.inventory))
    table = inventory.units
    offsets = [int(table.start[np.flatnonzero(table.clip == clip)[0]]) for clip in range(len(inventory.clip_ids))]
    clips = [Clip(name, "", "", "", 0, 0, offset, 0) for name, offset in zip(inventory.clip_ids, offsets, strict=True)]
    made = speak_pairs([GRAMMAR, TOPIC, WORD], speller, Splicer(inventory, one_speaker=False), clips)
    phones = {clip.clip_id: units[clip.frame_offset :] // 3 for clip in clips}
    return {pair.pair.judgement: (pair, phones) for pair in made}


def said(spans: tuple[tuple[str, int, int], ...], phones: dict[str, np.ndarray]) -> list[int]:
    found = [set(phones[clip][start:end].tolist()) for clip, start, end in spans]
    assert all(len(one) == 1 for one in found)  # a span is a segment, and not its neighbours
    return [one.pop() for one in found]


@pytest.mark.parametrize("judgement", ["grammar", "topics", "words"])
def test_the_spans_say_the_words(judgement: str, spoken: dict, speller: Speller) -> None:
    pair, phones = spoken[judgement]
    for spans, (words, num_before) in zip((pair.good, pair.bad), spoken_sides(pair.pair, speller), strict=True):
        expected = [phone for word in words for phone in word.phones]
        before = sum(len(word.phones) for word in words[:num_before])
        assert said(pair.before, phones) == expected[:before]
        assert said(spans, phones) == expected[before:]
        named = pair.good_phones if spans is pair.good else pair.bad_phones
        assert [0 if name == PAUSE_PHONE else 1 + int(name[1:]) for name in named] == expected[before:]


def test_sides_share_what_they_agree_in(spoken: dict) -> None:
    pair, _ = spoken["grammar"]
    assert pair.good[:3] == pair.bad[:3]  # the, and the first of boy; sees and see differ behind it
    assert pair.good[-1] == pair.bad[-1]
    assert len(pair.good) == len(pair.bad) + 1


def test_a_pair_is_of_one_voice(spoken: dict) -> None:
    for pair, _ in spoken.values():
        clips = {clip for clip, _, _ in (*pair.before, *pair.good, *pair.bad)}
        assert {int(clip[1:]) % 2 for clip in clips} == {"st".index(pair.speaker)}


def test_named_books_are_held_out_whole(tmp_path: Path, speller: Speller) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.txt")
    text = read_ladder_text(text_folder(tmp_path, books=4), lexicon, 200, ("book-1", "book-3"))
    assert [passage.book for passage in text.held_out] == ["book-1", "book-3"]
    assert [passage.book for passage in text.train] == ["book-0", "book-2"]
    assert all(len(passage.sentences) == 20 for passage in text.held_out)
    assert sum(num_words(passage.words) for passage in text.held_out) < HELD_OUT_WORDS
