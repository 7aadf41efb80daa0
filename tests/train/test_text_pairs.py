"""Words, their twins, and pairs of both in held-out voices; measures of rendered units."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.train.test_text_render import corpus_of
from undertone.engine.lexical_pair import LexicalPair
from undertone.studies.lexical.scoring import read_pairs
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.data.prepare import Clip
from undertone.train.lexical.pair_file import write_pairs
from undertone.train.lexical.pairs import PairMaker, balanced, order_of, well_known
from undertone.train.lexical.pseudowords import Bigrams, KnownPhones, Nonword, nonwords, phone_swaps
from undertone.train.text.concatenation import UnitSelector
from undertone.train.text.diagnostics import UnitModel, coverage, inventory_facts, utterances
from undertone.train.text.mixed_windows import TextFrames
from undertone.train.text.phone_runs import UnitInventory
from undertone.train.text.prose import Prose

CAT, TACK, ACT = ("K", "AE", "T", "S"), ("T", "AE", "K", "S"), ("S", "AE", "K", "T")


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
def made(maker: PairMaker) -> list[LexicalPair]:
    return list(maker.pairs(CHOICES, 10, np.random.default_rng(0)))


def test_both_sides_of_a_pair_are_made_alike(maker: PairMaker, made: list[LexicalPair]) -> None:
    assert {pair.word for pair in made} == {"TAKI", "KAPI"}
    assert {pair.kind for pair in made} == {"alone", "carried"}
    runs = maker.inventory.runs
    offsets = {clip.clip_id: clip.frame_offset for clip in maker.clips}
    place = {(int(start), int(end)): run for run, (start, end) in enumerate(zip(runs.start, runs.end, strict=True))}
    for pair in made:
        assert sorted(pair.word_runs) == sorted(pair.nonword_runs)
        for stretches, phones in ((pair.word_runs, pair.phones), (pair.nonword_runs, pair.nonword_phones)):
            chosen = [place[offsets[clip] + start, offsets[clip] + end] for clip, start, end in stretches]
            assert [maker.inventory.phones[runs.symbol[run] - 1] for run in chosen] == list(phones)
            assert {maker.inventory.speakers[runs.speaker[run]] for run in chosen} == {pair.speaker}
            assert all(np.diff(chosen) != 1)  # nothing is a stretch of one recording
            assert pair.word not in maker.word_of_run[chosen]


def test_a_twin_moves_only_the_phones_that_differ() -> None:
    twin = Nonword("TEST", ("K", "AA", "T", "AA", "K"), ("T", "AA", "K", "AA", "K"), 0.0)
    assert order_of(twin).tolist() == [2, 1, 0, 3, 4]


def test_a_carrier_is_what_the_speaker_says_before_the_word(maker: PairMaker, made: list[LexicalPair]) -> None:
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


def test_the_file_of_pairs_is_what_the_study_reads(made: list[LexicalPair], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    write_pairs(made, path)
    assert read_pairs(path) == made
    assert {"twin_phones", "twin_runs"} <= json.loads(path.read_text().splitlines()[0]).keys()  # as files always had


def test_a_bigram_of_units_predicts_what_follows_and_a_unigram_does_not() -> None:
    cycle = [np.tile([0, 1, 2, 3], 60) for _ in range(4)]
    model = UnitModel(cycle, 4)
    assert model.cross_entropy(cycle, 1) == pytest.approx(np.log(4), rel=0.02)
    assert model.cross_entropy(cycle, 2) < 0.1
    assert model.cross_entropy(cycle, 3) < 0.1
    chances = [np.exp(-model.nats(np.array([0, 1, unit]), 3, 50.0)[0]) for unit in range(4)]
    assert sum(chances) == pytest.approx(1.0)
    longer = UnitModel(cycle, 4, longest=5)
    assert longer.cross_entropy(cycle, 2) == pytest.approx(model.cross_entropy(cycle, 2), rel=0.05)
    assert len(longer.nats(cycle[0], 5, 5.0)) == 240 - 4


def test_what_is_measured_of_an_inventory_and_of_prose_spoken_with_it() -> None:
    random = np.random.default_rng(0)
    clips = [("s", [(int(phone), 4) for phone in random.integers(1, 5, 50)]) for _ in range(6)]
    inventory = UnitInventory.build(*corpus_of(*clips))
    facts = inventory_facts(inventory)
    assert facts["mean_frames"] == 4
    assert facts["runs"] == 300
    prose = Prose(random.integers(1, 5, 90).astype(np.uint8), np.arange(0, 91, 30), np.zeros(3), ("emma",), 0)
    tokens = random.integers(0, 9, 1200).astype(np.uint16)
    text = TextFrames(prose, UnitSelector(inventory, one_voice=False), np.array([60]))
    found = coverage(text, 5)
    assert found["both_neighbours"] + found["one_neighbour"] + found["no_neighbour"] == pytest.approx(1)
    assert found["runs_per_join"] > 1
    spoken = utterances(text, tokens, 500, 0)
    assert sum(map(len, spoken)) >= 500
