"""The stage of the phonetic tokenizer, whose encoder is trained from nothing. N = T frames at 50 Hz, M mel bins."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from undertone.engine.tokenizers.phonetic import PhoneticTokenizer
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.augmentation import mask_mel
from undertone.train.data.batches import FrameBatches
from undertone.train.data.flat_corpus import FlatCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.data.pool import open_corpus
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.tokenizer.ctc_stage import CTCStage
from undertone.train.tokenizer.phone_parts import with_phones
from undertone.train.tokenizer.recipe import TokenizerRecipe
from undertone.train.tokenizer.transcribed_clips import MIN_FRAMES_PER_PHONE, PhoneBatch, TranscribedClips

DEV_FRAMES_PER_BATCH = 8000
MEL_FRAMES_PER_SECOND = 50


class TokenizerStage(CTCStage[TokenizerRecipe, PhoneticTokenizer]):
    """CTC training of an encoder of stored mels."""

    name = "tokenizer"

    def build_tokenizer(self, lexicon: Lexicon) -> PhoneticTokenizer:
        """Return a tokenizer with random weights."""
        tokenizer = PhoneticTokenizer(with_phones(self.recipe.model, lexicon.inventory))
        if tokenizer.projection is not None:  # fitted after training; several processes wait for every gradient
            tokenizer.projection.requires_grad_(False)
        return tokenizer

    def parameter_groups(self, tokenizer: PhoneticTokenizer) -> list[dict[str, list[nn.Parameter]]]:
        """Return all parameters as one group."""
        return [{"params": list(tokenizer.parameters())}]

    def learning_rates(self, progress: float) -> list[float]:
        """Return the learning rate at a share of the budget."""
        return [self.recipe.learning_rate * warmup_cosine(progress, self.recipe.warmup)]

    def open_clips(
        self, tokenizer: PhoneticTokenizer, prepared: Path, split: str, lexicon: Lexicon
    ) -> TranscribedClips:
        """Return the clips of a split: of "dev" those without unknown words."""
        corpus = open_corpus(prepared, split, self.recipe.model.mel, self.recipe.max_hours)
        read_inputs = self._augmented_mel if split == "train" else _stored_mel
        return TranscribedClips(corpus, split, lexicon, read_inputs, tokenizer.num_frames, known_only=split != "train")

    def _augmented_mel(self, corpus: FlatCorpus, clip: Clip, num_phones: int) -> Tensor:
        return augment_mel(corpus.mel(clip), self.recipe, num_phones)

    def logits(self, tokenizer: nn.Module, batch: PhoneBatch) -> Tensor:
        """Return the CTC logits [B, T, P] of a batch."""
        logits: Tensor = tokenizer(batch.inputs, batch.lengths)
        return logits

    def best_classes(self, batch: PhoneBatch, log_probs: Tensor) -> Tensor:
        """Return the likeliest class of every frame, int64 [B, T], at full precision."""
        return self.network.phone_logits(batch.inputs, batch.lengths).argmax(-1)

    def dev_batches(self) -> Iterator[np.ndarray]:
        """Yield all clips once."""
        batches = FrameBatches(self.dev_set.frame_counts, DEV_FRAMES_PER_BATCH, seed=0)
        seen = number = 0
        while seen < len(self.dev_set.items):
            indices = batches.batch(number)
            yield indices
            seen, number = seen + len(indices), number + 1


def _stored_mel(corpus: FlatCorpus, clip: Clip, num_phones: int) -> Tensor:
    return corpus.mel(clip)


def augment_mel(mel: Tensor, recipe: TokenizerRecipe, num_phones: int) -> Tensor:
    """Return a natural-log mel [T, M] at another tempo, with SpecAugment masks: [T', M]."""
    tempo = float(torch.empty(1).uniform_(*recipe.tempo_range))
    frames = max(int(len(mel) / tempo), MIN_FRAMES_PER_PHONE * num_phones + 1)
    mel = nn.functional.interpolate(mel.T[None], size=frames, mode="linear")[0].T
    return mask_mel(mel, recipe, MEL_FRAMES_PER_SECOND)
