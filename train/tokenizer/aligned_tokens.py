"""Aligned tokens: the part of the transcript's phone at each frame, one id a frame like the tokenizer's.

A tokenizer with many phone errors teaches a transformer words that nobody says, and a decoder to disregard its tokens.
Where a clip is transcribed, its forced alignment gives the token of every frame without these errors.
"""

import logging
from pathlib import Path

import numpy as np

from undertone.engine.files.atomic_files import whole_file
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import read_index
from undertone.train.data.processes import share, wait_for
from undertone.train.data.unit_ids import TokenFile
from undertone.train.tokenizer.phone_parts import UNLABELLED, num_parts_of, parts_of

log = logging.getLogger(__name__)


def aligned_token_file(tokens: Path) -> Path:
    """Return the path of the aligned tokens: `spoken-NAME.u16` beside `tokens-NAME.u16`."""
    return tokens.with_name(tokens.name.replace("tokens", "spoken"))


def assign_aligned_tokens(prepared: Path, tokens: Path, segments: Path, num_units: int) -> Path:
    """Write the aligned tokens of all clips of a flat prepared folder; done once per tokenizer, by the first process,
    and again where clips were added.

    Args:
        tokens: what `assign_tokens` returned; its ids stay in clips without a transcript and in unknown words.
        segments: what `align_and_refine` returned for these tokens.
        num_units: of the tokenizer.
    Returns:
        their file (`aligned_token_file`).
    Raises:
        CorpusError: units that are not the parts of the alignment's phones.
    """
    path = aligned_token_file(tokens)
    if share().is_first and not (path.is_file() and path.stat().st_size == tokens.stat().st_size):
        _assign(prepared, tokens, segments, num_units, path)
    return wait_for_aligned_tokens(tokens)


def wait_for_aligned_tokens(tokens: Path) -> Path:
    """Return the path of the aligned tokens once they cover every frame that has a token."""
    path = aligned_token_file(tokens)
    wait_for(path, num_bytes=tokens.stat().st_size)
    return path


def _assign(prepared: Path, tokens: Path, segments: Path, num_units: int, path: Path) -> None:
    alignment = CorpusAlignment.read(segments)
    num_phones = len(alignment.phones)
    if num_units != num_parts_of(num_phones):
        raise CorpusError(
            f"transcripts name units that are parts of phones, {num_parts_of(num_phones)} of them; the tokenizer has "
            f"{num_units}. Train it with phone_parts, or leave spoken_tokens out of the model's recipe."
        )
    recognised = TokenFile(tokens)
    ids = np.fromfile(tokens, dtype=np.uint16)
    named = same = 0
    for clip in read_index(prepared):
        aligned = alignment.clips.get(clip.clip_id)
        if aligned is None:
            continue
        frames = slice(clip.frame_offset, clip.frame_offset + recognised.count(clip))
        parts = parts_of(np.array(aligned.symbols), np.array(aligned.ends), num_phones)
        known = parts != UNLABELLED
        named, same = named + int(known.sum()), same + int((ids[frames][known] == parts[known]).sum())
        ids[frames] = np.where(known, parts, ids[frames])
    shares = 100 * named / len(ids), 100 * same / max(1, named)
    log.info("transcripts name %.1f %% of the frames; the tokenizer hears %.1f %% of those alike", *shares)
    with whole_file(path) as unfinished:
        ids.tofile(unfinished)
