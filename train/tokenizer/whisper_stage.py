"""The stage of a tokenizer on Whisper's encoder: CTC on phones, first the classifier, then the upper layers too.

B batch, N frames of Whisper's log-mel (100 a second), M mel bins, T = N / 2 frames, P phones and the blank.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from undertone.engine.config import FRAME_RATE_HZ, HOP_SAMPLES
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.tokenizers.whisper_encoder import WhisperLogMel
from undertone.engine.tokenizers.whisper_weights import load_whisper, read_whisper, whisper_sizes
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.data.augmentation import augment_waveform, mask_mel
from undertone.train.data.flat_corpus import FlatCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.data.pool import open_corpus
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.tokenizer.ctc_stage import CTCStage
from undertone.train.tokenizer.frozen_layers import compute_frozen_frames
from undertone.train.tokenizer.phone_parts import with_phones
from undertone.train.tokenizer.recipe import WhisperRecipe
from undertone.train.tokenizer.transcribed_clips import InputsReader, PhoneBatch, TranscribedClips

LOG_MEL_FRAMES_PER_SECOND = 100
WORKERS = 2  # processes that compute the frozen layers on a CPU


class WhisperStage(CTCStage[WhisperRecipe, WhisperTokenizer]):
    """CTC training of a classifier and of the upper layers of Whisper's encoder."""

    name = "whisper"

    def build_tokenizer(self, lexicon: Lexicon) -> WhisperTokenizer:
        """Return Whisper's encoder with a random classifier; its lower layers ask for no gradient."""
        tokenizer = pretrained_tokenizer(self.recipe, lexicon)
        self.frozen_layers = max(0, tokenizer.config.num_layers - self.recipe.trained_layers)
        tokenizer.requires_grad_(False)
        for module in self._trained_modules(tokenizer):
            module.requires_grad_(True)
        return tokenizer

    def _trained_modules(self, tokenizer: WhisperTokenizer) -> list[nn.Module]:
        """Return the classifier and the trained modules of the encoder."""
        assert tokenizer.classifier is not None
        encoder = tokenizer.encoder
        return [tokenizer.classifier, *encoder.layers[self.frozen_layers :], encoder.layer_norm]

    def parameter_groups(self, tokenizer: WhisperTokenizer) -> list[dict[str, list[nn.Parameter]]]:
        """Return the parameters of the classifier, and those of the encoder that are trained."""
        classifier, *encoder = self._trained_modules(tokenizer)
        of_encoder = [parameter for module in encoder for parameter in module.parameters()]
        return [{"params": list(classifier.parameters())}, {"params": of_encoder}]

    def learning_rates(self, progress: float) -> list[float]:
        """Return the rates of classifier and encoder; the encoder's is 0 for its share of the budget."""
        recipe = self.recipe
        share = (progress - recipe.frozen_share) / (1 - recipe.frozen_share)
        encoder = recipe.encoder_learning_rate * warmup_cosine(share, recipe.warmup) if share > 0 else 0.0
        return [recipe.learning_rate * warmup_cosine(progress, recipe.warmup), encoder]

    def open_clips(self, tokenizer: WhisperTokenizer, prepared: Path, split: str, lexicon: Lexicon) -> TranscribedClips:
        """Return the clips of a split that the encoder can read as a whole; of training ones with augmentation.

        With `frozen_copies` they are read as the frozen layers hear them, which is computed where it is not there.
        """
        recipe, config = self.recipe, tokenizer.config
        corpus = open_corpus(prepared, split, recipe.model.mel, recipe.max_hours, audio=True)
        if recipe.frozen_copies:
            read_inputs = self._frozen_reader(tokenizer, prepared, split)
            return TranscribedClips(
                corpus, split, lexicon, read_inputs, int, max_frames=config.max_frames
            )  # one frame each
        read_inputs = self._log_mel_reader(WhisperLogMel(config.num_mels), split)
        return TranscribedClips(corpus, split, lexicon, read_inputs, tokenizer.num_frames, max_frames=config.max_frames)

    def _log_mel_reader(self, log_mel: WhisperLogMel, split: str) -> InputsReader:
        """Return what reads the log-mel of a clip, [N, M]."""
        recipe = self.recipe

        def augmented(corpus: FlatCorpus, clip: Clip, num_phones: int) -> Tensor:
            waveform = augment_waveform(corpus.audio(clip), recipe.augmentation)
            return mask_mel(log_mel(waveform), recipe, LOG_MEL_FRAMES_PER_SECOND)

        def plain(corpus: FlatCorpus, clip: Clip, num_phones: int) -> Tensor:
            found: Tensor = log_mel(corpus.audio(clip))
            return found

        return augmented if split == "train" else plain

    def _frozen_reader(self, tokenizer: WhisperTokenizer, prepared: Path, split: str) -> InputsReader:
        """Return what reads the hidden frames of a clip after the frozen layers, [T, D]."""
        recipe = self.recipe
        frozen = compute_frozen_frames(
            tokenizer, prepared, self.frozen_layers, recipe.frozen_copies, recipe.augmentation, WORKERS
        )
        mask_frames = tokenizer.num_frames(recipe.time_mask_frames)
        time_masks = recipe.model_copy(update={"frequency_masks": 0, "time_mask_frames": max(1, mask_frames)})

        def num_frames(clip: Clip) -> int:
            return -(-clip.num_samples // HOP_SAMPLES)

        def masked(corpus: FlatCorpus, clip: Clip, num_phones: int) -> Tensor:
            return mask_mel(frozen.draw(clip, num_frames(clip)), time_masks, round(FRAME_RATE_HZ))

        def plain(corpus: FlatCorpus, clip: Clip, num_phones: int) -> Tensor:
            return frozen.read(clip, num_frames(clip))

        return masked if split == "train" else plain

    def logits(self, tokenizer: nn.Module, batch: PhoneBatch) -> Tensor:
        """Return the CTC logits [B, T, P] of a batch; the frozen layers are run without a graph."""
        logits: Tensor = tokenizer(batch.inputs, batch.lengths, self.frozen_layers, bool(self.recipe.frozen_copies))
        return logits

    def dev_batches(self) -> Iterator[np.ndarray]:
        """Yield some clips without unknown words, one at a time.

        Raises:
            CorpusError: there are none.
        """
        num_phones, found = len(self.network.config.phones), False
        every = max(1, len(self.dev_set.items) // self.recipe.evaluation_clips)
        for index in range(0, len(self.dev_set.items), every):
            if max(self.dev_set.items[index][1]) <= num_phones:
                found = True
                yield np.array([index])
        if not found:
            raise CorpusError("no clip of the split 'dev' has a transcript whose words are all in the dictionary")


def pretrained_tokenizer(recipe: WhisperRecipe, lexicon: Lexicon) -> WhisperTokenizer:
    """Return Whisper's encoder with a random classifier for the dictionary's phones."""
    weights = read_whisper(recipe.whisper)
    config = with_phones(recipe.model.model_copy(update=whisper_sizes(weights)), lexicon.inventory)
    tokenizer = WhisperTokenizer(config)
    load_whisper(tokenizer.encoder, weights)
    return tokenizer
