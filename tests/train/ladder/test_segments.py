"""Clips aligned by what their units are called."""

import numpy as np

from undertone.train.ladder.segments import align_by_units, emissions_by_name


def spoken(symbols: list[int], lengths: list[int], random: np.random.Generator) -> np.ndarray:
    """Units of phones, one in ten of them another phone's."""
    units = np.concatenate(
        [3 * symbol + 3 * np.arange(length) // length for symbol, length in zip(symbols, lengths, strict=True)]
    )
    wrong = random.random(len(units)) < 0.1
    return np.where(wrong, random.integers(0, 15, len(units)), units)


def test_boundaries_are_found_within_a_frame_or_two() -> None:
    random = np.random.default_rng(0)
    transcripts, units, ends = {}, {}, {}
    for number in range(30):
        phones = [int(phone) for phone in random.permutation([1, 2, 3, 4])]
        symbols, lengths = [0, *phones, 0], [8, *random.integers(4, 9, 4).tolist(), 8]
        name = f"c{number}"
        transcripts[name] = [(phone, place == 0) for place, phone in enumerate(phones)]
        units[name] = spoken(symbols, lengths, random)
        ends[name] = np.cumsum(lengths)
    found = align_by_units(transcripts, units, ("A", "B", "C", "D"))
    assert found.clips.keys() == transcripts.keys()
    whole = {name: clip for name, clip in found.clips.items() if len(clip.ends) == len(ends[name])}
    errors = [np.abs(np.array(clip.ends) - ends[name]) for name, clip in whole.items()]
    assert len(errors) > 25
    assert np.concatenate(errors).mean() < 1.0


def test_a_phone_emits_its_own_units_most_and_an_unknown_word_any() -> None:
    emissions = emissions_by_name(4)
    assert (emissions.log_unit[:-1].argmax(1) // 3).tolist() == [0, 1, 2, 3, 4]
    assert np.ptp(emissions.log_unit[-1]) < 1e-6


def test_a_clip_too_short_for_its_phones_is_left_out() -> None:
    transcripts = {"long": [(1, True), (2, False)], "short": [(1, True), (2, False), (3, False)]}
    units = {"long": np.array([3, 4, 5, 6, 7, 8]), "short": np.array([3, 4])}
    assert set(align_by_units(transcripts, units, ("A", "B", "C")).clips) == {"long"}
