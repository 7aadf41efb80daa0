"""The stage of a tokenizer on Whisper's encoder: CTC on phones, first a classifier, then the upper layers too.

B batch, N frames of Whisper's log-mel (100 a second), M mel bins, T = N / 2 frames, P phones and the blank.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torchaudio
from accelerate import Accelerator
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from undertone.engine.config import PhonePartsConfig, WhisperConfig
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.tokenizers.whisper_encoder import WhisperLogMel
from undertone.engine.tokenizers.whisper_weights import load_whisper, read_whisper, whisper_sizes
from undertone.train.alignment.ctc_loss import ctc_with_unknown
from undertone.train.alignment.lexicon import Lexicon, LexiconCoverage, no_words_error
from undertone.train.data.augmentation import AugmentationConfig, disturbed
from undertone.train.data.batches import FrameBatches
from undertone.train.data.pool import open_corpus
from undertone.train.data.prepare import Clip, CorpusError
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.budget import Budget
from undertone.train.loop.gradients import apply_gradients
from undertone.train.loop.metrics import Sample
from undertone.train.loop.run import step_seed
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.loop.settings import (
    Count,
    CountOrNone,
    Minutes,
    Positive,
    Rate,
    RunSettings,
    Seed,
    Share,
    ShareBelowOne,
    Weight,
)
from undertone.train.tokenizer.phone_parts import with_phones


class WhisperRecipe(RunSettings):
    """How a tokenizer on Whisper's encoder is trained."""

    stage: Literal["whisper"] = "whisper"
    name: str = "whisper"
    minutes: Minutes | None = 60.0  # where neither steps nor frames are given
    whisper: str = "openai/whisper-base"  # weights: a Hub id, a folder or a file; their sizes are the encoder's
    model: WhisperConfig = WhisperConfig(phone_parts=PhonePartsConfig())
    frames_per_step: Count = 3000  # of each micro-batch of each process, padding included
    gradient_accumulation: Count = 1  # gradients are added over micro-batches and processes
    trained_layers: CountOrNone = 2  # of the encoder, from above; those below stay as they are
    frozen_share: Share = 0.15  # of the budget, in which only the classifier is trained
    learning_rate: Rate = 1e-3  # of the classifier
    encoder_learning_rate: Rate = 1e-4
    warmup: Share = 0.03  # share of the budget
    weight_decay: Weight = 0.01
    max_gradient_norm: Positive = 5.0
    average_decay: ShareBelowOne = 0.995
    max_hours: Positive = 200.0  # of a corpus in shards: how much is read into memory
    augmentation: AugmentationConfig = AugmentationConfig()
    frequency_masks: CountOrNone = 2
    frequency_mask_bins: Count = 13
    time_masks_per_second: Weight = 0.5
    time_mask_frames: Count = 14  # of the log-mel
    evaluation_clips: Count = 100
    unit_frames: Count = 300_000  # that the units are fitted on
    bf16: bool = True
    seed: Seed = 0

    @property
    def budget(self) -> Budget:
        """Return when the run ends: steps rule where they are given, as the default is in minutes."""
        minutes = self.minutes if self.steps is None and self.frames is None else None
        return Budget(self.steps, minutes, self.frames)


@dataclass
class WhisperBatch:
    """One CTC batch: log-mels [B, N, M], frames [B], classes of all items end to end, their counts [B]."""

    inputs: Tensor
    lengths: Tensor
    classes: Tensor
    num_classes: Tensor

    @property
    def targets(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the CTC loss takes beside the probabilities: frames, symbols end to end, symbols of each item."""
        return self.lengths, self.classes, self.num_classes

    def to(self, device: torch.device) -> "WhisperBatch":
        return WhisperBatch(*(value.to(device) for value in vars(self).values()))


class WhisperStage:
    """CTC training on Whisper's encoder (train/loop/run.py)."""

    name = "whisper"

    def __init__(self, recipe: WhisperRecipe, prepared: Path, lexicon: Lexicon, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        tokenizer = pretrained_tokenizer(recipe, lexicon)
        self.frozen_layers = max(0, tokenizer.config.num_layers - recipe.trained_layers)
        tokenizer.requires_grad_(False)
        assert tokenizer.classifier is not None
        trained = [*tokenizer.encoder.layers[self.frozen_layers :], tokenizer.encoder.layer_norm]
        for module in (tokenizer.classifier, *trained):
            module.requires_grad_(True)
        groups = [
            {"params": list(tokenizer.classifier.parameters())},
            {"params": [parameter for module in trained for parameter in module.parameters()]},
        ]
        optimizer = torch.optim.AdamW(groups, recipe.learning_rate, (0.9, 0.98), weight_decay=recipe.weight_decay)
        self.train_set = _Transcribed(prepared, "train", lexicon, tokenizer, recipe)
        self.dev_set = _Transcribed(prepared, "dev", lexicon, tokenizer, recipe)
        self.batches = FrameBatches(self.train_set.frame_counts, recipe.frames_per_step, recipe.seed)
        self.average = averaged_model(tokenizer, recipe.average_decay)
        self.tokenizer, self.optimizer = accelerator.prepare(tokenizer, optimizer)
        self.average.to(accelerator.device)
        accelerator.register_for_checkpointing(self.average)

    def step(self, step: int, progress: float) -> dict[str, float]:
        recipe, accelerator = self.recipe, self.accelerator
        self._set_rates(progress)
        self.tokenizer.train()
        metrics = {"loss": 0.0, "frames": 0.0}
        parts = recipe.gradient_accumulation * accelerator.num_processes
        for micro_batch in range(recipe.gradient_accumulation):
            part = micro_batch * accelerator.num_processes + accelerator.process_index
            torch.manual_seed(step_seed(recipe.seed, step, part))
            batch = self.train_set.batch(self.batches.batch(step * parts + part), True).to(accelerator.device)
            last = micro_batch == recipe.gradient_accumulation - 1
            with nullcontext() if last else accelerator.no_sync(self.tokenizer):
                loss = ctc_with_unknown(self._log_probs(self.tokenizer, batch), *batch.targets)
                # Processes' gradients are averaged; times their number they are added.
                accelerator.backward(loss * accelerator.num_processes)
            metrics["loss"] += loss.item() / recipe.gradient_accumulation
            metrics["frames"] += float(batch.lengths.sum())
        norm = apply_gradients(accelerator, self.tokenizer.parameters(), self.optimizer, recipe.max_gradient_norm)
        self.average.update_parameters(accelerator.unwrap_model(self.tokenizer))
        return metrics | {"gradient_norm": norm}

    def _set_rates(self, progress: float) -> None:
        recipe = self.recipe
        classifier, encoder = self.optimizer.param_groups
        classifier["lr"] = recipe.learning_rate * warmup_cosine(progress, recipe.warmup)
        share = (progress - recipe.frozen_share) / (1 - recipe.frozen_share)
        encoder["lr"] = recipe.encoder_learning_rate * warmup_cosine(share, recipe.warmup) if share > 0 else 0.0

    def _log_probs(self, tokenizer: nn.Module, batch: WhisperBatch) -> Tensor:
        with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=self.recipe.bf16):
            logits: Tensor = tokenizer(batch.inputs, batch.lengths, self.frozen_layers)
        return logits.float().log_softmax(-1)

    @torch.inference_mode()
    def evaluate(self, step: int) -> dict[str, float]:
        """Phone error rate of greedy decoding, and the CTC loss per phone, on clips of dev without unknown words."""
        network = self.network.eval()
        errors = phones = 0
        losses = []
        every = max(1, len(self.dev_set.items) // self.recipe.evaluation_clips)
        for index in range(0, len(self.dev_set.items), every):
            batch = self.dev_set.batch(np.array([index]), False).to(self.accelerator.device)
            if int(batch.classes.max()) > len(network.config.phones):
                continue
            log_probs = self._log_probs(network, batch)
            losses.append(ctc_with_unknown(log_probs, *batch.targets).item())
            decoded = torch.unique_consecutive(log_probs[0].argmax(-1))
            errors += Levenshtein.distance(decoded[decoded > 0].tolist(), batch.classes.tolist())
            phones += len(batch.classes)
        if not phones:
            raise CorpusError("no clip of the split 'dev' has a transcript whose words are all in the dictionary")
        return {"phone_error_rate": errors / phones, "ctc": float(np.mean(losses))}

    @property
    def network(self) -> WhisperTokenizer:
        """Return the averaged tokenizer, which is measured and exported."""
        module = self.average.module
        assert isinstance(module, WhisperTokenizer)
        return module

    def tokenizer_on_cpu(self) -> WhisperTokenizer:
        """Return a copy for its units and for export, in evaluation mode."""
        copy = WhisperTokenizer(self.network.config)
        copy.load_state_dict(self.network.state_dict())
        return copy.eval()

    def averaged(self) -> dict[str, nn.Module]:
        return {"tokenizer": self.network}

    def samples(self, step: int) -> list[Sample]:
        """Return no samples: a tokenizer makes no sound."""
        return []


def pretrained_tokenizer(recipe: WhisperRecipe, lexicon: Lexicon) -> WhisperTokenizer:
    """Return Whisper's encoder with a fresh classifier for the dictionary's phones."""
    weights = read_whisper(recipe.whisper)
    config = with_phones(recipe.model.model_copy(update=whisper_sizes(weights)), lexicon.inventory)
    tokenizer = WhisperTokenizer(config)
    load_whisper(tokenizer.encoder, weights)
    return tokenizer


class _Transcribed:
    """The clips of a split whose words are mostly in the dictionary, and that the encoder can hear at once."""

    def __init__(
        self, prepared: Path, split: str, lexicon: Lexicon, tokenizer: WhisperTokenizer, recipe: WhisperRecipe
    ) -> None:
        self.recipe, self.mel = recipe, WhisperLogMel(tokenizer.config.num_mels)
        self.corpus = open_corpus(prepared, split, recipe.model.mel, recipe.max_hours, audio=True)
        self.items: list[tuple[Clip, list[int]]] = []
        for clip in self.corpus.clips:
            symbols = lexicon.symbols(clip.transcript) or []
            classes = [symbol for symbol, _ in symbols]
            if classes and 2 * len(classes) < clip.num_frames <= tokenizer.config.max_frames:
                self.items.append((clip, classes))
        if not self.items:
            raise no_words_error(split, LexiconCoverage.of((clip.transcript for clip in self.corpus.clips), lexicon))

    @property
    def frame_counts(self) -> list[int]:
        return [clip.num_frames for clip, _ in self.items]

    @torch.no_grad()
    def batch(self, indices: np.ndarray, augment: bool) -> WhisperBatch:
        inputs, targets = [], []
        for index in indices:
            clip, classes = self.items[index]
            waveform = self.corpus.audio(clip)
            log_mel = self.mel(disturbed(waveform, self.recipe.augmentation) if augment else waveform)
            inputs.append(spec_augmented(log_mel, self.recipe) if augment else log_mel)
            targets.append(torch.tensor(classes))
        return WhisperBatch(
            inputs=pad_sequence(inputs, batch_first=True),
            lengths=torch.tensor([len(log_mel) // 2 for log_mel in inputs]),
            classes=torch.cat(targets),
            num_classes=torch.tensor([len(target) for target in targets]),
        )


def spec_augmented(log_mel: Tensor, recipe: WhisperRecipe) -> Tensor:
    """Apply SpecAugment to a log-mel [N, M]; masks hold the clip's mean."""
    fill = float(log_mel.mean())
    spectrogram = log_mel.T[None]  # torchaudio masks [..., frequency, time]
    for _ in range(recipe.frequency_masks):
        spectrogram = torchaudio.functional.mask_along_axis(spectrogram, recipe.frequency_mask_bins, fill, axis=1)
    for _ in range(round(recipe.time_masks_per_second * len(log_mel) / 100)):
        spectrogram = torchaudio.functional.mask_along_axis(spectrogram, recipe.time_mask_frames, fill, axis=2)
    return spectrogram[0].T
