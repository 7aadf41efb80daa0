"""Transcripts aligned with the units of another tokenizer, so that new units lie in time as a model knows them.

T frames, V units that are parts of phones, S states.

A model has learnt when each part of a phone begins. CTC says which phones are spoken and is early or late by a frame or
two, so units that are fitted on its alignment are, for such a model, often the neighbour's.
"""

from collections.abc import Sequence

import numpy as np
import torch

from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.viterbi import IMPOSSIBLE, Steps, likeliest_states
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import FlatCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.tokenizer.clip_features import clip_features

WITHIN = (0, 1)  # a part follows itself or the part before it
AFTER_PHONE = (0, 1, 2, 3)  # a first part follows itself or any part of the phone before, whose last ones may lack
OVER_SILENCE = (4, 5, 6)  # or of the phone before a silence that is left out


class PartAligner:
    """Alignment of clips by the units of a tokenizer.

    Args:
        tokenizer: its units are parts of the dictionary's phones.
        lexicon: of the transcripts.
    Raises:
        CorpusError: units of something else.
    """

    def __init__(self, tokenizer: object, lexicon: Lexicon) -> None:
        parts = tokenizer.config.phone_parts if isinstance(tokenizer, PhoneReader) else None
        if not isinstance(tokenizer, PhoneReader) or parts is None or parts.phones != lexicon.inventory:
            raise CorpusError(
                "the units to be timed like are not the parts of the dictionary's phones; give a bundle that was "
                "trained with this dictionary"
            )
        self._features, self._points, self._lexicon = clip_features(tokenizer), tokenizer.centroids, lexicon

    @torch.inference_mode()
    def labels(self, corpus: FlatCorpus, clip: Clip, num_frames: int) -> np.ndarray | None:
        """Return the part that each frame of a clip is, int64 [num_frames]; None where the transcript does not say."""
        symbols = self._lexicon.symbols(clip.transcript) if clip.transcript else None
        if not symbols or any(symbol == self._lexicon.unknown_class for symbol, _ in symbols):
            return None
        features = self._features.features(corpus, clip)[:num_frames]
        log_probs = (-0.5 * torch.cdist(features, self._points).square()).log_softmax(-1)
        found = align_parts(log_probs.cpu().numpy(), symbols)
        return None if found is None else np.pad(found, (0, num_frames - len(found)), mode="edge")


def align_parts(log_probs: np.ndarray, symbols: Sequence[tuple[int, bool]]) -> np.ndarray | None:
    """Return the likeliest path through the parts of a transcript's phones, with silence between words where it fits.

    Args:
        log_probs: of the parts, float [T, V].
        symbols: classes of the phones, from 1, and whether each begins a word.
    Returns:
        int64 [T]; None where the frames are too few for the phones.
    """
    parts, allowed = _states(symbols)
    entering = np.where(allowed, 0.0, IMPOSSIBLE)
    steps = Steps(range(len(allowed)), np.zeros_like(entering), entering)
    first = (0, PARTS_OF_PHONE)  # silence, or the first phone
    last = range(len(parts) - 2 * PARTS_OF_PHONE, len(parts))  # the last phone, or the silence behind it
    path = likeliest_states(log_probs[:, parts], steps, first, last)
    return None if path is None else parts[path]


def _states(symbols: Sequence[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of each state, int64 [S], and which states it follows, bool [most steps back + 1, S]."""
    classes = [0]
    for place, (symbol, begins_word) in enumerate(symbols):
        classes += [0, symbol] if begins_word and place else [symbol]
    classes.append(0)
    parts = (PARTS_OF_PHONE * np.array(classes)[:, None] + np.arange(PARTS_OF_PHONE)).ravel()
    allowed = np.zeros((1 + OVER_SILENCE[-1], len(parts)), dtype=bool)
    for place in range(len(classes)):
        first = PARTS_OF_PHONE * place
        skips = place > 1 and classes[place - 1] == 0
        allowed[list(AFTER_PHONE + (OVER_SILENCE if skips else ())), first] = True
        allowed[np.array(WITHIN)[:, None], first + np.arange(1, PARTS_OF_PHONE)] = True
    backwards = np.arange(len(allowed))[:, None] <= np.arange(len(parts))
    return parts, allowed & backwards
