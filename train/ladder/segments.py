"""A prepared corpus aligned by its units alone, where units are named by phones: no recogniser is needed.

Units that are parts of phones say which phone they were taken for. With that as the first guess of what each phone
emits, the best path of every transcript follows, and better emissions from the paths (train/alignment/refine.py).
"""

from pathlib import Path

import numpy as np

from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.hmm import Emissions, States, best_path, segments_of
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.refine import Transcripts, refine
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import read_index
from undertone.train.data.unit_ids import TokenFile
from undertone.train.text.align_corpus import read_tokens, write_alignment
from undertone.train.tokenizer.phone_parts import num_parts_of

FIRST_CLIPS = 300  # aligned by the names alone
MISTAKEN_SHARE = 0.3  # of a phone's frames that are another phone's units, at first
FRAMES_PER_PHONE = 5.0
COUNTED_FRAMES = 5000.0  # that the first guess is worth


def emissions_by_name(num_phones: int) -> Emissions:
    """Return the emissions of phones of which nothing is known but what their units are called."""
    num_symbols = num_phones + 2  # silence first, a word that is not in the dictionary last
    named = np.kron(np.eye(num_phones + 1), np.full(PARTS_OF_PHONE, 1 / PARTS_OF_PHONE))
    spread = np.full(named.shape, 1 / named.shape[1])
    counts = np.zeros((num_symbols, named.shape[1]))
    counts[:-1] = COUNTED_FRAMES * ((1 - MISTAKEN_SHARE) * named + MISTAKEN_SHARE * spread)
    counts[-1] = COUNTED_FRAMES * spread[0]
    return Emissions(counts, np.full(num_symbols, COUNTED_FRAMES / FRAMES_PER_PHONE))


def align_by_units(
    transcripts: Transcripts, units: dict[str, np.ndarray], phones: tuple[str, ...], first_clips: int = FIRST_CLIPS
) -> CorpusAlignment:
    """Return the alignment of all clips that have frames enough for their phones.

    Args:
        transcripts: symbols of the clips by id, and whether each begins a word.
        units: int64 [T] of the same clips, parts of these phones and of silence.
        phones: of the dictionary.
    """
    emissions = emissions_by_name(len(phones))
    first: dict[str, AlignedClip] = {}
    for name in list(transcripts)[:first_clips]:
        if len(units[name]) < len(transcripts[name]):
            continue
        states = States.of(transcripts[name])
        found = segments_of(states, best_path(states, units[name], emissions))
        first[name] = AlignedClip(name, 0.0, found.symbols, found.ends, [], [0.0] * len(found.ends))
    return refine(CorpusAlignment(phones, first), transcripts, units, num_parts_of(len(phones)))


def align_prepared(prepared: Path, tokens: Path, lexicon: Lexicon, out: Path) -> CorpusAlignment:
    """Return the alignment of a prepared folder's transcribed clips, made once and kept in `out`.

    Raises:
        CorpusError: no clip has a transcript that the dictionary reads.
    """
    path = out / f"{tokens.stem.replace('tokens', 'segments')}.jsonl"
    if not path.is_file():
        clips = read_index(prepared)
        transcripts = {
            clip.clip_id: found for clip in clips if clip.transcript and (found := lexicon.symbols(clip.transcript))
        }
        if not transcripts:
            raise CorpusError(f"{prepared} has no clip with a transcript that the dictionary reads; nothing is aligned")
        units = read_tokens(clips, TokenFile(tokens), transcripts)
        out.mkdir(parents=True, exist_ok=True)
        write_alignment(align_by_units(transcripts, units, lexicon.inventory), path)
    return CorpusAlignment.read(path)
