"""All clips aligned by their units, from the CTC alignment of some of them.

CTC says in which order and roughly when, but its peaks leave a vowel a frame where it had five. The units at 50 Hz
know better: the first segments say how often each symbol emits each unit, the best path of every clip follows from
that (train/text/hmm.py), and again. Nine hours of speech take a core 23 s, where running the tokenizer takes 340.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.whole_files import write_whole
from train.phones import Lexicon
from train.prepare import Clip, read_index
from train.text.alignment import AlignedClip, Alignment, align_corpus, unaligned_splits
from train.text.hmm import Emissions, States, best_path, segments_of, support
from train.text.segments import Segments
from train.unit_ids import TokenFile

log = logging.getLogger(__name__)

ROUNDS = 3
TEACHING_CLIPS = 600  # all rounds but the last see this many
CTC_CLIPS = 300  # of each split, aligned by CTC to begin with

Spoken = Mapping[str, list[tuple[int, bool]]]  # clip to symbols, and whether each begins a word


def refine(
    alignment: Alignment, spoken: Spoken, units: Mapping[str, np.ndarray], num_units: int, rounds: int = ROUNDS
) -> Alignment:
    """Estimate and align in turn; the last round aligns every clip.

    Args:
        alignment: of some clips, by CTC.
        spoken: transcripts of all clips to align.
        units: int64 [T] of all clips.
        num_units: V.
    """
    num_symbols = len(alignment.phones) + 2
    current = {name: Segments(clip.symbols, clip.ends, []) for name, clip in alignment.clips.items() if name in units}
    found: dict[str, AlignedClip] = {}
    for number in range(rounds):
        emissions = Emissions.count(
            ((segments, units[name]) for name, segments in current.items()), num_symbols, num_units
        )
        last = number == rounds - 1
        names = list(spoken) if last else [name for name in current if name in spoken][:TEACHING_CLIPS]
        for name in tqdm(names, desc=f"refine {number + 1}/{rounds}", mininterval=5.0):
            if aligned := _aligned(name, spoken[name], units[name], emissions):
                found[name] = aligned
        current = {name: Segments(found[name].symbols, found[name].ends, []) for name in names if name in found}
    left_out = len(spoken) - len(current)
    log.info("%d clips aligned by their units, %d too short for their words", len(current), left_out)
    return Alignment(alignment.phones, {name: found[name] for name in current})


def _aligned(
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
        name, round(float(nats.mean()), 4), found.symbols, found.ends, firsts, support(found, units, emissions)
    )


def refine_file(path: Path, prepared: Path, tokens: Path, lexicon: Lexicon) -> Path:
    """Write the alignment of all clips beside `path`, once: `segments-NAME.jsonl` for the units of that name."""
    out = path.with_name(f"{tokens.stem.replace('tokens', 'segments')}.jsonl")
    clips = read_index(prepared)
    if out.is_file() and not unaligned_splits(out, clips, lexicon):
        return out
    ids = TokenFile(tokens)
    spoken = {clip.clip_id: found for clip in clips if (found := lexicon.symbols(clip.transcript))}
    units = units_of(clips, ids, spoken)
    num_units = 1 + max(int(found.max()) for found in units.values())
    return write_alignment(refine(Alignment.read(path), spoken, units, num_units), out)


def units_of(clips: Sequence[Clip], ids: TokenFile, spoken: Spoken) -> dict[str, np.ndarray]:
    """Units of the clips that have a transcript."""
    return {clip.clip_id: ids.tokens(clip, 0, ids.count(clip)).numpy() for clip in clips if clip.clip_id in spoken}


def write_alignment(alignment: Alignment, path: Path) -> Path:
    """Write the whole file at once, as `Alignment.read` takes it."""
    lines = [json.dumps({"phones": alignment.phones}), *(json.dumps(asdict(clip)) for clip in alignment.clips.values())]
    return write_whole(path, "\n".join(lines) + "\n")


def align_all(
    tokenizer: Path,
    tokens: Path,
    prepared: Path,
    lexicon: Path,
    work: Path,
    workers: int = 2,
    ctc_clips: int | None = CTC_CLIPS,
) -> Path:
    """Align every phone of every clip with its frames: CTC aligns some clips of each split, and they teach the rest.

    Args:
        tokenizer: run of a phonetic tokenizer.
        tokens: what `assign_tokens` returned for it.
        lexicon: folder of cmudict.dict.
        work: where the alignments are kept, each made once.
        ctc_clips: of each split; None aligns all of them by CTC first.
    """
    words = Lexicon(lexicon)
    by_ctc = align_corpus(tokenizer, prepared, words, work, workers, ctc_clips)
    return refine_file(by_ctc, prepared, tokens, words)
