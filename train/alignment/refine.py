"""Alignment of all clips by their units, from the CTC alignment of some of them.

CTC gives the order and rough times, but a peak of one frame for a vowel of five. The units at 50 Hz are more exact: the
first segments give the emission counts of each symbol, the best path of every clip follows from them
(train/alignment/hmm.py), and so on in turn. Nine hours of speech take a core 23 s; running the tokenizer takes 340.
"""

import logging
from collections.abc import Mapping

import numpy as np
from tqdm import tqdm

from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.hmm import Emissions, States, best_path, segment_scores, segments_of
from undertone.train.alignment.segments import PhoneSegments

log = logging.getLogger(__name__)

ROUNDS = 3
ESTIMATION_CLIPS = 600  # used in all rounds but the last

Transcripts = Mapping[str, list[tuple[int, bool]]]  # clip to symbols, and whether each begins a word


def refine(
    alignment: CorpusAlignment,
    transcripts: Transcripts,
    units: Mapping[str, np.ndarray],
    num_units: int,
    rounds: int = ROUNDS,
) -> CorpusAlignment:
    """Return the alignment of all clips: emissions are estimated and clips aligned in turn.

    Args:
        alignment: of some clips, by CTC.
        transcripts: transcripts of all clips to align.
        units: int64 [T] of all clips.
        num_units: V.
    """
    num_symbols = len(alignment.phones) + 2
    current = {
        name: PhoneSegments(clip.symbols, clip.ends, []) for name, clip in alignment.clips.items() if name in units
    }
    found: dict[str, AlignedClip] = {}
    for number in range(rounds):
        emissions = Emissions.count(
            ((segments, units[name]) for name, segments in current.items()), num_symbols, num_units
        )
        last = number == rounds - 1
        names = list(transcripts) if last else [name for name in current if name in transcripts][:ESTIMATION_CLIPS]
        for name in tqdm(names, desc=f"refine {number + 1}/{rounds}", mininterval=5.0):
            if aligned := _align(name, transcripts[name], units[name], emissions):
                found[name] = aligned
        current = {name: PhoneSegments(found[name].symbols, found[name].ends, []) for name in names if name in found}
    left_out = len(transcripts) - len(current)
    log.info("%d clips aligned by their units, %d too short for their words", len(current), left_out)
    return CorpusAlignment(alignment.phones, {name: found[name] for name in current})


def _align(
    name: str, transcript: list[tuple[int, bool]], units: np.ndarray, emissions: Emissions
) -> AlignedClip | None:
    if len(units) < len(transcript):
        return None
    states = States.of(transcript)
    path = best_path(states, units, emissions)
    found = segments_of(states, path)
    firsts = [index for index, first in enumerate(found.firsts) if first]
    nats = emissions.log_unit[states.symbols[path], units]
    return AlignedClip(
        name, round(float(nats.mean()), 4), found.symbols, found.ends, firsts, segment_scores(found, units, emissions)
    )
