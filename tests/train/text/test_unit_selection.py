"""The inventory of units, and sentences spoken with it."""

import numpy as np
import pytest

from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_files import Clip
from undertone.train.text.join_costs import JoinCosts
from undertone.train.text.unit_inventory import BOTH, HALF, MAX_PHONE_FRAMES, NONE, UnitIndex, UnitInventory
from undertone.train.text.unit_selection import UnitSelector

PHONES = ("A", "B", "C", "D")
A, B, C, D, UNKNOWN, LONG = 1, 2, 3, 4, 5, 6


def corpus_of(*clips: tuple[str, list[tuple[int, int]]], split: str = "train") -> tuple[CorpusAlignment, list[Clip]]:
    """Clips of (speaker, [(symbol, frames)])."""
    aligned, listed, offset = {}, [], 0
    for number, (speaker, spoken) in enumerate(clips):
        name, lengths = f"c{number}", [frames for _, frames in spoken]
        ends = np.cumsum(lengths).tolist()
        aligned[name] = AlignedClip(name, -1.0, [symbol for symbol, _ in spoken], ends, [0], [1.0] * len(ends))
        listed.append(Clip(name, speaker, split, "", 0, 0, offset, ends[-1]))
        offset += ends[-1]
    return CorpusAlignment(PHONES, aligned), listed


@pytest.fixture
def spoken() -> UnitInventory:
    random = np.random.default_rng(0)
    clips = []
    for number in range(12):
        phones = random.integers(1, 5, 30)
        clips.append(
            (f"s{number % 3}", [(SILENCE, 6), *((int(p), int(random.integers(2, 9))) for p in phones), (0, 40)])
        )
    return UnitInventory.build(*corpus_of(*clips))


def test_context_backs_off_from_both_neighbours_to_one_to_none() -> None:
    inventory = UnitInventory.build(*corpus_of(("s", [(A, 3), (B, 3), (C, 3), (D, 3), (B, 4), (A, 2)])))
    index = UnitIndex(inventory, per_speaker=False)
    found, level = index.find(B, A, C)
    assert (found.tolist(), level) == ([1], BOTH)
    found, level = index.find(B, A, A)
    assert (sorted(found.tolist()), level) == ([1, 4], HALF)
    found, level = index.find(B, C, D)
    assert (sorted(found.tolist()), level) == ([1, 4], NONE)
    allowed = np.ones(6, dtype=bool)
    allowed[1] = False
    found, level = index.find(B, A, C, allowed=allowed)
    assert (found.tolist(), level) == ([4], NONE)
    assert len(index.find(LONG, SILENCE, SILENCE)[0]) == 0


def test_units_of_one_voice_are_of_that_speaker(spoken: UnitInventory) -> None:
    index = UnitIndex(spoken, per_speaker=True)
    for speaker in range(3):
        for symbol in (A, B, C, D, SILENCE, LONG):
            found, _ = index.find(symbol, A, B, speaker)
            assert len(found)
            assert (spoken.units.speaker[found] == speaker).all()


def test_an_unknown_word_its_neighbours_and_what_is_too_long_are_never_used() -> None:
    clip = [(A, 3), (B, 3), (UNKNOWN, 12), (C, 3), (D, MAX_PHONE_FRAMES + 1), (A, 3), (SILENCE, 200)]
    inventory = UnitInventory.build(*corpus_of(("s", clip), ("s", [(B, 3)])))
    assert inventory.units.usable.tolist() == [True, False, False, False, False, True, False, True]


def test_the_inventory_has_no_run_of_another_split_or_of_a_speaker_left_out() -> None:
    alignment, clips = corpus_of(("s", [(A, 3)]), ("t", [(B, 3)]))
    clips[0] = Clip(**(vars(clips[0]) | {"split": "dev"}))
    assert UnitInventory.build(alignment, clips).clip_ids == ("c1",)
    with pytest.raises(CorpusError, match="'dev'"):
        UnitInventory.build(alignment, clips, "dev", without=frozenset("s"))


@pytest.mark.parametrize("one_voice", [True, False])
def test_a_rendering_speaks_what_was_asked(spoken: UnitInventory, one_voice: bool) -> None:
    random = np.random.default_rng(1)
    renderer = UnitSelector(spoken, one_voice)
    asked = np.array([SILENCE, *random.integers(1, 5, 40), LONG, *random.integers(1, 5, 40), SILENCE])
    speaker = renderer.draw_speaker(random)
    rendering = renderer.render(asked, speaker, random)
    table = spoken.units
    assert table.symbol[rendering.units].tolist() == asked.tolist()
    assert table.usable[rendering.units].all()
    if one_voice:
        assert set(table.speaker[rendering.units]) == {speaker}
    frames = renderer.inventory.units.frames(rendering.units)
    expected = [np.arange(table.start[unit], table.end[unit]) for unit in rendering.units]
    assert frames.tolist() == np.concatenate(expected).tolist()
    assert rendering.joins[0]
    assert (~rendering.joins[1:] == (np.diff(rendering.units) == 1)).all()


def test_contiguous_units_go_on_as_its_recording_does_and_one_run_at_a_time_never(spoken: UnitInventory) -> None:
    asked = np.random.default_rng(2).integers(1, 5, 300)
    contiguous = UnitSelector(spoken, False).render(asked, None, np.random.default_rng(3))
    joined = UnitSelector(spoken, False, max_contiguous=1).render(asked, None, np.random.default_rng(3))
    assert contiguous.joins.mean() < 0.5
    assert joined.joins.all()
    assert (contiguous.matches == BOTH).mean() > (contiguous.matches == NONE).mean()


def test_the_shorter_leap_and_the_likelier_units_are_joined() -> None:
    clips = [("s", [(A, 2), (D, 2)]), ("s", [(C, 2), (B, 2)]), ("s", [(C, 2), (B, 2)])]
    inventory = UnitInventory.build(*corpus_of(*clips))
    features = np.zeros((12, 1), dtype=np.float32)
    features[[0, 1, 8, 9]] = 5.0  # A, and the second C sounds like it
    features[[2, 3, 10, 11]] = 1.0
    features[[6, 7]] = -3.0
    assert JoinCosts(inventory, features).cost(2, np.array([6, 10])).argmin() == 1
    renderer = UnitSelector(inventory, False, JoinCosts(inventory, features), max_contiguous=1)
    for seed in range(5):
        rendering = renderer.render(np.array([A, B]), None, np.random.default_rng(seed), outer=(SILENCE, D))
        assert rendering.units.tolist() == [0, 5]  # not the one that is far from both
    units = np.array([0, 0, 1, 1, 2, 2, 1, 1, 2, 2, 3, 3], dtype=np.uint16)
    seldom = JoinCosts(inventory, np.zeros((12, 1)), units, 4).cost(6, np.array([6, 0]))
    assert seldom[0] < seldom[1]  # unit 1 follows unit 2, unit 0 never does


def test_a_sound_that_a_voice_never_made_is_left_out() -> None:
    inventory = UnitInventory.build(*corpus_of(("s", [(A, 2), (B, 2)])))
    rendering = UnitSelector(inventory).render(np.array([A, D, B]), 0, np.random.default_rng(0))
    assert inventory.units.symbol[rendering.units].tolist() == [A, B]
