"""Pairs of words and nonwords in held-out voices."""

import json
from pathlib import Path

import numpy as np
import pytest

from undertone.engine.lexical_pair import LexicalPair
from undertone.studies.lexical.scoring import read_pairs
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.data.flat_files import Clip
from undertone.train.lexical.pair_file import write_pairs
from undertone.train.lexical.pairs import PairMaker, sort_by_balance, trained_speakers, unit_order
from undertone.train.lexical.pseudowords import NonwordPair

CAT, TACK, ACT = ("K", "AE", "T", "S"), ("T", "AE", "K", "S"), ("S", "AE", "K", "T")


def test_nonwords_are_chosen_so_that_bigrams_alone_say_nothing() -> None:
    likelier, unlikelier = NonwordPair("W", CAT, TACK, 0.5), NonwordPair("W", CAT, ACT, -0.7)
    assert sort_by_balance([likelier, unlikelier], 3)[0] is unlikelier
    assert sort_by_balance([unlikelier, likelier], -3)[0] is likelier


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> PairMaker:
    """Two held-out voices that say four-letter words of a small alphabet, and one that is trained on."""
    folder = tmp_path_factory.mktemp("lexicon")
    syllables = [consonant + vowel for consonant in "PTK" for vowel in "AI"]
    spelt = sorted({first + second for first in syllables for second in syllables} - {"KATI", "PAKI"})
    vowels = {"A": "AA", "I": "IY"}
    words = {word.lower(): " ".join(vowels.get(letter, letter) for letter in word) for word in spelt}
    (folder / "cmudict.dict").write_text("".join(f"{word} {phones}\n" for word, phones in words.items()))
    lexicon = Lexicon(folder)
    random = np.random.default_rng(0)
    aligned, clips, offset = {}, [], 0
    for number in range(30):
        said = random.choice(sorted(words), 30)
        symbols, firsts = [SILENCE], []
        for word in said:
            firsts.append(len(symbols))
            symbols += [*(lexicon.classes(str(word)) or []), *([SILENCE] if random.random() < 0.5 else [])]
        ends = np.cumsum(random.integers(5, 9, len(symbols))).tolist()
        name = f"c{number}"
        aligned[name] = AlignedClip(name, -1.0, symbols, ends, firsts, [1.0] * len(ends))
        split = "train" if number % 3 == 2 else "dev"
        speaker = f"s{number % 3}"
        clips.append(Clip(name, speaker, split, " ".join(said), 0, 0, offset, ends[-1]))
        offset += ends[-1]
    mel = random.standard_normal((offset, 8)).astype(np.float32)
    return PairMaker(CorpusAlignment(lexicon.inventory, aligned), clips, "dev", lexicon, mel)


CHOICES = [
    [NonwordPair("TAKI", ("T", "AA", "K", "IY"), ("K", "AA", "T", "IY"), 0.2)],
    [NonwordPair("KAPI", ("K", "AA", "P", "IY"), ("P", "AA", "K", "IY"), -0.2)],
]


@pytest.fixture(scope="module")
def made(maker: PairMaker) -> list[LexicalPair]:
    return list(maker.pairs(CHOICES, 10, np.random.default_rng(0)))


def test_both_sides_of_a_pair_are_made_alike(maker: PairMaker, made: list[LexicalPair]) -> None:
    assert {pair.word for pair in made} == {"TAKI", "KAPI"}
    assert {pair.kind for pair in made} == {"alone", "carried"}
    units = maker.inventory.units
    offsets = {clip.clip_id: clip.frame_offset for clip in maker.clips}
    place = {(int(start), int(end)): unit for unit, (start, end) in enumerate(zip(units.start, units.end, strict=True))}
    for pair in made:
        assert sorted(pair.word_units) == sorted(pair.nonword_units)
        for spans, phones in ((pair.word_units, pair.phones), (pair.nonword_units, pair.nonword_phones)):
            chosen = [place[offsets[clip] + start, offsets[clip] + end] for clip, start, end in spans]
            assert [maker.inventory.phones[units.symbol[unit] - 1] for unit in chosen] == list(phones)
            assert {maker.inventory.speakers[units.speaker[unit]] for unit in chosen} == {pair.speaker}
            assert all(np.diff(chosen) != 1)  # no two units are contiguous in a recording
            assert pair.word not in maker.word_of_unit[chosen]


def test_a_nonword_moves_only_the_phones_that_differ() -> None:
    pair = NonwordPair("TEST", ("K", "AA", "T", "AA", "K"), ("T", "AA", "K", "AA", "K"), 0.0)
    assert unit_order(pair).tolist() == [2, 1, 0, 3, 4]


def test_a_carrier_is_what_the_speaker_says_before_the_word(maker: PairMaker, made: list[LexicalPair]) -> None:
    units = maker.inventory.units
    clips = {clip.clip_id: clip for clip in maker.clips}
    for pair in (pair for pair in made if pair.kind == "carried"):
        ((clip_id, start, end),) = pair.before
        assert clips[clip_id].speaker == pair.speaker
        assert 50 <= end - start <= 150
        following = int(np.flatnonzero(units.start == clips[clip_id].frame_offset + end)[0])
        assert maker.word_of_unit[following] == pair.word


def test_speakers_who_are_trained_on_are_not_held_out(maker: PairMaker) -> None:
    assert maker.inventory.speakers == ("s0", "s1")
    clips = [
        Clip("a", "known", "train", "", 0, 0, 0, 1501),
        Clip("b", "heard", "train", "", 0, 0, 0, 1499),
        Clip("c", "heard", "dev", "", 0, 0, 0, 9000),
    ]
    assert trained_speakers(clips) == {"known"}


def test_the_file_of_pairs_is_what_the_study_reads(made: list[LexicalPair], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    write_pairs(made, path)
    assert read_pairs(path) == made
    assert {"twin_phones", "word_runs", "twin_runs", "matched"} <= json.loads(path.read_text().splitlines()[0]).keys()
