"""Alignment of units by a hidden Markov model."""

import numpy as np

from tests.train.text.test_align_corpus import spoken
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.hmm import Emissions, States, best_path, segment_scores, segments_of
from undertone.train.alignment.refine import refine
from undertone.train.alignment.segments import MIN_SILENCE_FRAMES, SILENCE, PhoneSegments


def test_units_find_the_true_segments_from_shifted_ones() -> None:
    random = np.random.default_rng(0)
    transcripts = [[(1, True), (2, False), (3, True), (1, False), (4, True), (2, True)] for _ in range(12)]
    truth = [spoken(random, transcript, pauses=True) for transcript in transcripts]
    shifted = [
        (PhoneSegments(found.symbols, [*(np.array(found.ends[:-1]) - 2).tolist(), found.ends[-1]], []), units)
        for found, units in truth
    ]
    emissions = Emissions.count(shifted, 6, 10)
    for _ in range(3):
        paths = [
            best_path(States.of(transcript), units, emissions)
            for transcript, (_, units) in zip(transcripts, truth, strict=True)
        ]
        found = [segments_of(States.of(transcript), path) for transcript, path in zip(transcripts, paths, strict=True)]
        emissions = Emissions.count([(one, units) for one, (_, units) in zip(found, truth, strict=True)], 6, 10)
    for (expected, units), one in zip(truth, found, strict=True):
        assert one.symbols == expected.symbols
        assert one.ends == expected.ends
        assert one.firsts == expected.firsts
        assert min(segment_scores(one, units, emissions)) > 0


def test_a_pause_is_never_shorter_than_its_minimum() -> None:
    states = States.of([(1, True), (2, True)])
    counts = np.eye(4, 8) * 50
    emissions = Emissions(counts, np.full(4, 10))
    units = np.array([1] * 5 + [0] * 3 + [2] * 5)  # three silent frames between two words
    found = segments_of(states, best_path(states, units, emissions))
    lengths = dict(zip(found.symbols, np.diff([0, *found.ends]), strict=True))
    assert lengths.get(SILENCE, MIN_SILENCE_FRAMES) >= MIN_SILENCE_FRAMES


def test_clips_too_short_for_their_words_are_left_out() -> None:
    alignment = CorpusAlignment(("AA", "B"), {})
    spoken = {"short": [(1, True), (2, False), (1, False)], "long": [(1, True)]}
    units = {"short": np.array([1, 2]), "long": np.array([1, 1, 1])}
    assert refine(alignment, spoken, units, 4, rounds=1).clips.keys() == {"long"}
