"""Words, their twins, and pairs of both in held-out voices; measures of rendered units."""

import json
from pathlib import Path

import numpy as np
import pytest

from undertone.studies.lexical.scoring import read_pairs
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.data.flat_files import Clip
from undertone.train.lexical.pairs import Pair, PairMaker, balanced, order_of, well_known
from undertone.train.lexical.pseudowords import Nonword

CAT, TACK, ACT = ("K", "AE", "T", "S"), ("T", "AE", "K", "S"), ("S", "AE", "K", "T")


def test_twins_are_chosen_so_that_sounds_alone_say_nothing() -> None:
    likelier, unlikelier = Nonword("W", CAT, TACK, 0.5), Nonword("W", CAT, ACT, -0.7)
    assert balanced([likelier, unlikelier], 3)[0] is unlikelier
    assert balanced([unlikelier, likelier], -3)[0] is likelier


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
    [Nonword("TAKI", ("T", "AA", "K", "IY"), ("K", "AA", "T", "IY"), 0.2)],
    [Nonword("KAPI", ("K", "AA", "P", "IY"), ("P", "AA", "K", "IY"), -0.2)],
]


@pytest.fixture(scope="module")
def made(maker: PairMaker) -> list[Pair]:
    return list(maker.pairs(CHOICES, 10, np.random.default_rng(0)))


def test_both_sides_of_a_pair_are_made_alike(maker: PairMaker, made: list[Pair]) -> None:
    assert {pair.word for pair in made} == {"TAKI", "KAPI"}
    assert {pair.kind for pair in made} == {"alone", "carried"}
    runs = maker.inventory.runs
    offsets = {clip.clip_id: clip.frame_offset for clip in maker.clips}
    place = {(int(start), int(end)): run for run, (start, end) in enumerate(zip(runs.start, runs.end, strict=True))}
    for pair in made:
        assert sorted(pair.word_runs) == sorted(pair.twin_runs)
        for stretches, phones in ((pair.word_runs, pair.phones), (pair.twin_runs, pair.twin_phones)):
            chosen = [place[offsets[clip] + start, offsets[clip] + end] for clip, start, end in stretches]
            assert [maker.inventory.phones[runs.symbol[run] - 1] for run in chosen] == list(phones)
            assert {maker.inventory.speakers[runs.speaker[run]] for run in chosen} == {pair.speaker}
            assert all(np.diff(chosen) != 1)  # nothing is a stretch of one recording
            assert pair.word not in maker.word_of_run[chosen]


def test_a_twin_moves_only_the_phones_that_differ() -> None:
    twin = Nonword("TEST", ("K", "AA", "T", "AA", "K"), ("T", "AA", "K", "AA", "K"), 0.0)
    assert order_of(twin).tolist() == [2, 1, 0, 3, 4]


def test_a_carrier_is_what_the_speaker_says_before_the_word(maker: PairMaker, made: list[Pair]) -> None:
    runs = maker.inventory.runs
    clips = {clip.clip_id: clip for clip in maker.clips}
    for pair in (pair for pair in made if pair.kind == "carried"):
        ((clip_id, start, end),) = pair.before
        assert clips[clip_id].speaker == pair.speaker
        assert 50 <= end - start <= 150
        following = int(np.flatnonzero(runs.start == clips[clip_id].frame_offset + end)[0])
        assert maker.word_of_run[following] == pair.word


def test_speakers_who_are_trained_on_are_not_held_out(maker: PairMaker) -> None:
    assert maker.inventory.speakers == ("s0", "s1")
    clips = [
        Clip("a", "known", "train", "", 0, 0, 0, 1501),
        Clip("b", "heard", "train", "", 0, 0, 0, 1499),
        Clip("c", "heard", "dev", "", 0, 0, 0, 9000),
    ]
    assert well_known(clips) == {"known"}


def test_the_file_of_pairs_is_what_the_study_reads(made: list[Pair], tmp_path: Path) -> None:
    from dataclasses import asdict

    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(asdict(pair)) + "\n" for pair in made))
    read = read_pairs(path)
    assert [pair.word for pair in read] == [pair.word for pair in made]
    assert read[0].word_runs[0][0] in {f"c{number}" for number in range(30)}
