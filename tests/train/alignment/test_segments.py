"""CTC's peaks spread to segments."""

import numpy as np

from undertone.train.alignment.segments import SILENCE, Peak, longest_pause, quiet_frames, segment_peaks


def posteriors(phones: list[int], num_phones: int, blank: float = 0.9) -> np.ndarray:
    """Log posteriors that know each frame's phone beside a strong blank."""
    probabilities = np.full((len(phones), num_phones + 1), 0.01)
    probabilities[:, 0] = blank
    probabilities[np.arange(len(phones)), phones] = 0.09
    return np.log(probabilities / probabilities.sum(1, keepdims=True))


def test_segments_tile_the_clip_and_are_cut_where_the_posteriors_change() -> None:
    truth = [1, 1, 1, 1, 2, 2, 2, 2, 2, 3]
    peaks = [Peak(1, 1, 2, True), Peak(2, 7, 8, False), Peak(3, 9, 10, False)]
    found = segment_peaks(peaks, posteriors(truth, 3), np.zeros(10, dtype=bool))
    assert found.symbols == [1, 2, 3]
    assert found.ends == [4, 9, 10]
    assert found.starts == [0, 4, 9]
    assert found.firsts == [True, False, False]


def test_silence_stands_between_words_and_never_within_one() -> None:
    quiet = np.zeros(30, dtype=bool)
    quiet[10:20] = True
    truth = [1] * 15 + [2] * 15
    between = segment_peaks([Peak(1, 2, 3, True), Peak(2, 25, 26, True)], posteriors(truth, 2), quiet)
    assert list(zip(between.symbols, between.ends, strict=True)) == [(1, 10), (SILENCE, 20), (2, 30)]
    within = segment_peaks([Peak(1, 2, 3, True), Peak(2, 25, 26, False)], posteriors(truth, 2), quiet)
    assert list(zip(within.symbols, within.ends, strict=True)) == [(1, 15), (2, 30)]


def test_silence_at_both_ends_of_a_clip_is_kept_apart() -> None:
    quiet = np.zeros(30, dtype=bool)
    quiet[:8] = quiet[22:] = True
    found = segment_peaks([Peak(1, 10, 12, True), Peak(2, 18, 20, False)], posteriors([1] * 15 + [2] * 15, 2), quiet)
    assert found.symbols == [SILENCE, 1, 2, SILENCE]
    assert found.ends == [8, 15, 22, 30]


def test_an_unknown_word_takes_what_its_neighbours_do_not_want() -> None:
    unknown = 3
    truth = [1] * 6 + [2] * 8 + [1] * 6
    peaks = [Peak(1, 1, 2, True), Peak(unknown, 9, 10, True), Peak(1, 18, 19, True)]
    found = segment_peaks(peaks, posteriors(truth, 2), np.zeros(20, dtype=bool))
    assert found.symbols == [1, unknown, 1]
    assert found.ends == [6, 14, 20]


def test_a_quiet_stretch_must_be_longer_than_a_closure() -> None:
    quiet = np.array([False, True, True, True, True, False, True, True, True, True, True, True, False])
    assert longest_pause(quiet, 0, 6) is None
    assert longest_pause(quiet, 0, 13) == (6, 12)
    assert longest_pause(quiet, 0, 10) is None


def test_quiet_frames_are_those_near_the_floor() -> None:
    log_mel = np.full((60, 80), -2.0)
    log_mel[20:30] = -9.0
    assert np.flatnonzero(quiet_frames(log_mel)).tolist() == list(range(20, 30))
