"""The streams: the same words in each, and one change from each to the next."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.train.ladder.small_ladder import inventory_of, speller_of, text_of
from undertone.engine.ladder import RUNGS
from undertone.train.ladder.cluster_units import NUM_CLUSTERS
from undertone.train.ladder.passages import num_words
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.streams import SPACE, SpeechOfLadder, TokenStream, encode_passages, make_stream

Streams = dict[str, TokenStream]


@pytest.fixture
def streams(tmp_path: Path) -> Streams:
    speller, text = speller_of(tmp_path), text_of(tmp_path)
    num_phones = len(speller.lexicon.inventory)
    inventory, units = inventory_of(num_phones)
    splicers = {one: Splicer(inventory, one) for one in (True, False)}
    speech = SpeechOfLadder(splicers, units, np.arange(len(units)) % NUM_CLUSTERS)
    return {rung: make_stream(rung, text.train, speller.lexicon.inventory, speech) for rung in RUNGS}


def test_every_stream_has_tokens_for_every_word_and_tells_words_apart(streams: Streams, tmp_path: Path) -> None:
    words = speller_of(tmp_path).text("THE CAT SAT , AND THE DOG SEES IT")
    for name, stream in streams.items():
        found = stream.encode(words, (0, 0))
        assert len(found) == len(words), name
        assert all(len(tokens) and tokens.max() < len(stream.names) and tokens.min() >= 0 for tokens in found)
        different = {tuple(tokens) for tokens in (found[1], found[2], found[6], found[7])}
        assert len(different) == 4


def test_the_words_of_a_passage_are_equally_many_in_every_stream(streams: Streams, tmp_path: Path) -> None:
    passages = text_of(tmp_path).held_out
    counts = {len(encode_passages(stream, passages)) for stream in streams.values()}
    assert counts == {sum(num_words(passage.words) for passage in passages)}


def test_repeated_phones_and_units_of_one_speaker_have_the_same_length_and_say_the_same(
    streams: Streams, tmp_path: Path
) -> None:
    words = speller_of(tmp_path).text("THE CAT SAT , AND THE DOG SEES IT")
    for key in range(5):
        repeated = streams["phone-repeat"].encode(words, (key,))
        spoken = streams["speech-one"].encode(words, (key,))
        for one, other in zip(repeated, spoken, strict=True):
            assert len(one) == len(other)
            assert (one == other // 3).all()


def test_repeated_phones_without_repeats_are_the_phones(streams: Streams, tmp_path: Path) -> None:
    words = speller_of(tmp_path).text("THE CAT SAT , AND SO")
    for repeated, phones in zip(
        streams["phone-repeat"].encode(words, (1,)), streams["phone-raw"].encode(words, (1,)), strict=True
    ):
        kept = [repeated[0], *(after for before, after in pairwise(repeated) if before != after)]
        assert kept == phones.tolist()


def test_a_sign_between_words_is_all_that_phones_with_boundaries_have_more(streams: Streams, tmp_path: Path) -> None:
    words = speller_of(tmp_path).text("THE CAT SAT , AND SO")
    with_sign, names = streams["phone-boundary"].encode(words, (0,)), streams["phone-boundary"].names
    for word, more, phones in zip(words, with_sign, streams["phone-raw"].encode(words, (0,)), strict=True):
        shown = [names[token] for token in more]
        assert (shown[0] == SPACE) == bool(word.spelling)
        assert [token for token in more.tolist() if names[token] != SPACE] == phones.tolist()


def test_pieces_are_named_by_what_they_spell(streams: Streams, tmp_path: Path) -> None:
    words = speller_of(tmp_path).text("THE CAT , SAT")
    shown = [
        ["".join(streams[rung].names[token] for token in word) for word in streams[rung].encode(words, (0,))]
        for rung in ("text-bpe", "text-raw")
    ]
    assert shown[0] == shown[1] == ["_THE", "_CAT", ",", "_SAT"]


def test_the_same_key_gives_the_same_tokens_and_many_speakers_speak(streams: Streams, tmp_path: Path) -> None:
    words = speller_of(tmp_path).text("THE CAT SAT")
    many = streams["speech-many"]
    draws = [np.concatenate(many.encode(words, (key,))) for key in range(20)]
    assert (np.concatenate(many.encode(words, (3,))) == draws[3]).all()
    assert {int(tokens[0] % 3) for tokens in draws} == {0, 1}
    assert len({int(np.concatenate(streams["speech-one"].encode(words, (key,)))[0] % 3) for key in range(20)}) == 1
