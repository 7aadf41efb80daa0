"""One clip aligned with its transcript by CTC, and a corpus' alignments on file. T frames, P phones and the blank."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import forced_align

from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.alignment.segments import Peak, quiet_frames, segment_peaks
from undertone.train.corpora.source import CorpusError

BLANK = 0


UNKNOWN_LOG_PROB = -1.0  # per frame of an unknown word: dearer than the right phone, cheaper than a wrong one


@dataclass(frozen=True)
class AlignedClip:
    """The segments of a clip, end to end; symbols as in `Segments`."""

    clip_id: str
    log_prob: float  # of the best path, per frame
    symbols: list[int]
    ends: list[int]  # in frames of the clip
    firsts: list[int]  # segments that begin a word
    scores: list[float]  # mean posterior without the blank of each segment's phone, 0 for silence and unknown words


@dataclass(frozen=True)
class CorpusAlignment:
    """Aligned clips by id, and what their symbols mean."""

    phones: tuple[str, ...]  # symbol 1 and up; 0 is silence, len + 1 an unknown word
    clips: dict[str, AlignedClip]

    @classmethod
    def read(cls, path: Path) -> "CorpusAlignment":
        """Read a finished file.

        Raises:
            CorpusError: no such file.
        """
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. Align the corpus first: `undertone text align`.")
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        clips = (AlignedClip(**json.loads(line)) for line in lines)
        return cls(tuple(json.loads(head)["phones"]), {clip.clip_id: clip for clip in clips})


@torch.inference_mode()
def align_clip(
    tokenizer: PhoneReader, clip_id: str, inputs: Tensor, mel: Tensor, symbols: list[tuple[int, bool]]
) -> AlignedClip | None:
    """Return the alignment of one clip.

    Args:
        inputs: what the tokenizer's encoder reads of it, as `encoder_inputs` gives it.
        mel: natural-log mel [T, M].
        symbols: of the transcript, with whether each begins a word.
    Returns:
        None where the clip has fewer frames than its symbols need.
    """
    logits = tokenizer.phone_logits(inputs[None], torch.tensor([tokenizer.num_frames(len(inputs))]))
    log_probs = logits[0, : len(mel)].float().log_softmax(-1)
    targets = torch.tensor([symbol for symbol, _ in symbols], dtype=torch.int32)
    repeats = int((targets[1:] == targets[:-1]).sum())
    if len(targets) + repeats > len(mel):
        return None
    with_unknown = torch.nn.functional.pad(log_probs, (0, 1), value=UNKNOWN_LOG_PROB)
    path, path_log_probs = forced_align(with_unknown[None], targets[None], blank=BLANK)
    found = segment_peaks(_peaks(path[0].numpy(), symbols), log_probs.numpy(), quiet_frames(mel.numpy()))
    posteriors = (log_probs[:, 1:].softmax(-1)).numpy()
    scores = [
        round(float(posteriors[start:end, symbol - 1].mean()), 3) if 0 < symbol <= posteriors.shape[1] else 0.0
        for symbol, start, end in zip(found.symbols, found.starts, found.ends, strict=True)
    ]
    firsts = [index for index, first in enumerate(found.firsts) if first]
    return AlignedClip(clip_id, round(float(path_log_probs.mean()), 4), found.symbols, found.ends, firsts, scores)


def _peaks(path: np.ndarray, symbols: list[tuple[int, bool]]) -> list[Peak]:
    """Return the spans of one symbol in a path [T]; a blank lies between two of the same symbol."""
    boundaries = np.flatnonzero(np.diff(path)) + 1
    intervals = zip([0, *boundaries.tolist()], [*boundaries.tolist(), len(path)], strict=True)
    nonblank = [(start, end) for start, end in intervals if path[start] != BLANK]
    return [Peak(symbol, *ends, first) for (symbol, first), ends in zip(symbols, nonblank, strict=True)]
