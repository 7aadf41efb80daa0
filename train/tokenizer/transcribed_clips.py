"""Clips with their transcripts as CTC classes, and batches of them.

B batch, N input frames of a mel, M mel bins, T frames at 50 Hz.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from undertone.train.alignment.lexicon import Lexicon, LexiconCoverage, no_words_error
from undertone.train.data.flat_corpus import FlatCorpus
from undertone.train.data.flat_files import Clip

InputsReader = Callable[[FlatCorpus, Clip, int], Tensor]  # returns what the encoder reads of a clip with so many phones
MIN_FRAMES_PER_PHONE = 2  # CTC needs a blank between two phones that are the same


@dataclass
class PhoneBatch:
    """One CTC batch."""

    inputs: Tensor  # mels [B, N, M], padded with zeros
    lengths: Tensor  # int64 [B], frames at 50 Hz
    classes: Tensor  # int64, those of all items end to end
    num_classes: Tensor  # int64 [B]

    @property
    def targets(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the CTC loss takes beside the probabilities: frames, classes, classes of each item."""
        return self.lengths, self.classes, self.num_classes

    def to(self, device: torch.device) -> "PhoneBatch":
        """Return the same on a device."""
        return PhoneBatch(*(value.to(device) for value in vars(self).values()))


class TranscribedClips:
    """The clips of a split whose words are mostly in the dictionary.

    Args:
        corpus: the clips.
        read_inputs: returns what the encoder reads of a clip with so many phones, [N, M].
        num_frames: returns the frames at 50 Hz of so many inputs.
        known_only: leave out clips with unknown words, on which phone errors cannot be counted.
        max_frames: of a clip; None for any length.
    Raises:
        CorpusError: no clip is left.
    """

    def __init__(
        self,
        corpus: FlatCorpus,
        split: str,
        lexicon: Lexicon,
        read_inputs: InputsReader,
        num_frames: Callable[[int], int],
        known_only: bool = False,
        max_frames: int | None = None,
    ) -> None:
        self.corpus, self._read_inputs, self._num_frames = corpus, read_inputs, num_frames
        self.items: list[tuple[Clip, list[int]]] = []
        for clip in corpus.clips:
            classes = [symbol for symbol, _ in lexicon.symbols(clip.transcript) or []]
            if known_only and lexicon.unknown_class in classes:
                continue
            fits = max_frames is None or clip.num_frames <= max_frames
            if classes and fits and MIN_FRAMES_PER_PHONE * len(classes) < clip.num_frames:
                self.items.append((clip, classes))
        if not self.items:
            raise no_words_error(split, LexiconCoverage.of((clip.transcript for clip in corpus.clips), lexicon))

    @property
    def frame_counts(self) -> list[int]:
        """Return the frames of every clip."""
        return [clip.num_frames for clip, _ in self.items]

    @torch.no_grad()
    def batch(self, indices: np.ndarray) -> PhoneBatch:
        """Return the batch of these clips, on the CPU."""
        items = [self.items[index] for index in indices]
        inputs = [self._read_inputs(self.corpus, clip, len(classes)) for clip, classes in items]
        return PhoneBatch(
            inputs=pad_sequence(inputs, batch_first=True),
            lengths=torch.tensor([self._num_frames(len(one)) for one in inputs]),
            classes=torch.cat([torch.tensor(classes) for _, classes in items]),
            num_classes=torch.tensor([len(classes) for _, classes in items]),
        )
