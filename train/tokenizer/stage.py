"""The phonetic tokenizer's stage: CTC on dictionary phones, then k-means units on one layer's features.

B batch, T frames at 50 Hz, M mel bins, F feature dims, V units.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio
from accelerate import Accelerator
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.optim.swa_utils import AveragedModel

from undertone.engine.config import FRAME_RATE_HZ
from undertone.engine.tokenizers.phonetic import PhoneticTokenizer
from undertone.train.alignment.ctc_loss import ctc_with_unknown
from undertone.train.alignment.lexicon import Lexicon, LexiconCoverage, no_words_error
from undertone.train.data.batches import FrameBatches
from undertone.train.data.pool import open_corpus
from undertone.train.data.prepare import Clip
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.gradients import apply_gradients
from undertone.train.loop.metrics import Sample
from undertone.train.loop.run import step_seed
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.tokenizer.phone_parts import with_phones
from undertone.train.tokenizer.recipe import TokenizerRecipe

DEV_FRAMES_PER_BATCH = 8000


@dataclass
class PhoneBatch:
    """One CTC batch: natural-log mels [B, T, M], lengths [B], classes of all items end to end, their counts [B]."""

    mel: Tensor
    lengths: Tensor
    classes: Tensor
    num_classes: Tensor

    def to(self, device: torch.device) -> "PhoneBatch":
        return PhoneBatch(*(value.to(device) for value in vars(self).values()))


class TokenizerStage:
    """CTC training of a phonetic tokenizer (train/loop/run.py)."""

    name = "tokenizer"

    def __init__(self, recipe: TokenizerRecipe, prepared: Path, lexicon: Lexicon, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        self.train_set = _Transcribed(prepared, "train", lexicon, recipe)
        self.dev_set = _Transcribed(prepared, "dev", lexicon, recipe, known_only=True)
        self.batches = FrameBatches(self.train_set.frame_counts, recipe.frames_per_step, recipe.seed)
        torch.manual_seed(recipe.seed)
        tokenizer = PhoneticTokenizer(with_phones(recipe.model, lexicon.inventory))
        if tokenizer.projection is not None:  # fitted behind the training; several processes wait for every gradient
            tokenizer.projection.requires_grad_(False)
        optimizer = torch.optim.AdamW(
            tokenizer.parameters(), recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
        )
        self.tokenizer, self.optimizer = accelerator.prepare(tokenizer, optimizer)
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(tokenizer, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)

    def averaged(self) -> dict[str, nn.Module]:
        return {"tokenizer": self.network}

    @property
    def network(self) -> PhoneticTokenizer:
        """Return the tokenizer that is measured and exported, without any wrapper: the average where there is one."""
        model = self.average.module if self.average else self.accelerator.unwrap_model(self.tokenizer)
        assert isinstance(model, PhoneticTokenizer)
        return model

    def tokenizer_on_cpu(self) -> PhoneticTokenizer:
        """Return a copy for clustering and export, in evaluation mode."""
        copy = PhoneticTokenizer(self.network.config)
        copy.load_state_dict(self.network.state_dict())
        return copy.eval()

    def step(self, step: int, progress: float) -> dict[str, float]:
        recipe, accelerator = self.recipe, self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warmup_cosine(progress, recipe.warmup)
        self.tokenizer.train()
        metrics = {"loss": 0.0, "frames": 0.0}
        parts = recipe.gradient_accumulation * accelerator.num_processes
        for micro_batch in range(recipe.gradient_accumulation):
            part = micro_batch * accelerator.num_processes + accelerator.process_index
            torch.manual_seed(step_seed(recipe.seed, step, part))
            batch = self.train_set.batch(self.batches.batch(step * parts + part), recipe).to(accelerator.device)
            last = micro_batch == recipe.gradient_accumulation - 1
            with nullcontext() if last else accelerator.no_sync(self.tokenizer):
                loss = self._loss(self.tokenizer, batch)
                # Processes' gradients are averaged; times their number they are added.
                accelerator.backward(loss * accelerator.num_processes)
            metrics["loss"] += loss.item() / recipe.gradient_accumulation
            metrics["frames"] += float(batch.lengths.sum())
        norm = apply_gradients(accelerator, self.tokenizer.parameters(), self.optimizer, recipe.max_gradient_norm)
        if self.average:
            self.average.update_parameters(accelerator.unwrap_model(self.tokenizer))
        return metrics | {"gradient_norm": norm}

    def _loss(self, tokenizer: nn.Module, batch: PhoneBatch) -> Tensor:
        """Return the CTC loss per phone."""
        with torch.autocast(batch.mel.device.type, torch.bfloat16, enabled=self.recipe.bf16):
            logits = tokenizer(batch.mel, batch.lengths)
        return ctc_with_unknown(logits.float().log_softmax(-1), batch.lengths, batch.classes, batch.num_classes)

    @torch.inference_mode()
    def evaluate(self, step: int) -> dict[str, float]:
        """Phone error rate of greedy decoding, and the CTC loss per phone, on the dev split."""
        model = self.network.eval()
        errors = phones = 0
        losses = []
        batches = FrameBatches(self.dev_set.frame_counts, DEV_FRAMES_PER_BATCH, seed=0)
        seen = 0
        number = 0
        while seen < len(self.dev_set.items):
            indices = batches.batch(number)
            batch = self.dev_set.batch(indices, None).to(self.accelerator.device)
            losses.append(self._loss(model, batch).item())
            best = model.phone_logits(batch.mel, batch.lengths).argmax(-1)
            targets = batch.classes.split(batch.num_classes.tolist())
            for row, length, target in zip(best, batch.lengths, targets, strict=True):
                decoded = torch.unique_consecutive(row[:length])
                errors += Levenshtein.distance(decoded[decoded > 0].tolist(), target.tolist())
                phones += len(target)
            seen += len(indices)
            number += 1
        return {"phone_error_rate": errors / phones, "ctc": float(np.mean(losses))}

    def samples(self, step: int) -> list[Sample]:
        """Return no samples: a tokenizer makes no sound."""
        return []


class _Transcribed:
    """The clips of a split whose words are mostly in the dictionary.

    Args:
        known_only: only clips without unknown words, which phone errors can be counted on.
    """

    def __init__(
        self, prepared: Path, split: str, lexicon: Lexicon, recipe: TokenizerRecipe, known_only: bool = False
    ) -> None:
        self.corpus = open_corpus(prepared, split, recipe.model.mel, recipe.max_hours)
        self.items: list[tuple[Clip, list[int]]] = []
        for clip in self.corpus.clips:
            classes = [symbol for symbol, _ in lexicon.symbols(clip.transcript) or []]
            if known_only and lexicon.unknown_class in classes:
                continue
            if classes and 2 * len(classes) < clip.num_frames:
                self.items.append((clip, classes))
        if not self.items:
            raise no_words_error(split, LexiconCoverage.of((clip.transcript for clip in self.corpus.clips), lexicon))

    @property
    def frame_counts(self) -> list[int]:
        return [clip.num_frames for clip, _ in self.items]

    def batch(self, indices: np.ndarray, augment: TokenizerRecipe | None) -> PhoneBatch:
        mels, targets = [], []
        for index in indices:
            clip, classes = self.items[index]
            mel = self.corpus.mel(clip)
            mels.append(augmented(mel, augment, len(classes)) if augment else mel)
            targets.append(torch.tensor(classes))
        return PhoneBatch(
            mel=pad_sequence(mels, batch_first=True),
            lengths=torch.tensor([len(mel) for mel in mels]),
            classes=torch.cat(targets),
            num_classes=torch.tensor([len(target) for target in targets]),
        )


def augmented(mel: Tensor, recipe: TokenizerRecipe, num_phones: int) -> Tensor:
    """Tempo change and SpecAugment masks on one natural-log mel [T, M]; masks hold the clip's mean."""
    tempo = float(torch.empty(1).uniform_(*recipe.tempo_range))
    frames = max(int(len(mel) / tempo), 2 * num_phones + 1)
    mel = nn.functional.interpolate(mel.T[None], size=frames, mode="linear")[0].T
    fill = float(mel.mean())
    spectrogram = mel.T[None]  # torchaudio masks [..., frequency, time]
    for _ in range(recipe.frequency_masks):
        spectrogram = torchaudio.functional.mask_along_axis(spectrogram, recipe.frequency_mask_bins, fill, axis=1)
    for _ in range(round(recipe.time_masks_per_second * frames / FRAME_RATE_HZ)):
        spectrogram = torchaudio.functional.mask_along_axis(spectrogram, recipe.time_mask_frames, fill, axis=2)
    return spectrogram[0].T
