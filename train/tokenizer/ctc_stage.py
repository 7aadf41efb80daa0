"""CTC training of a tokenizer that reads phones, whatever its encoder.

B batch, N input frames of a mel, M mel bins, T frames at 50 Hz, P phones and the blank, which is class 0.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar, cast

import numpy as np
import torch
from accelerate import Accelerator
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.alignment.ctc_loss import ctc_with_unknown
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.batches import FrameBatches
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.gradients import apply_gradients, micro_batches, part_of_step
from undertone.train.loop.metrics import Sample
from undertone.train.loop.precision import autocast
from undertone.train.loop.run import step_seed
from undertone.train.tokenizer.recipe import CTCRecipe
from undertone.train.tokenizer.transcribed_clips import PhoneBatch, TranscribedClips

Recipe = TypeVar("Recipe", bound=CTCRecipe)
Network = TypeVar("Network", bound=PhoneReader)


class CTCStage(ABC, Generic[Recipe, Network]):
    """Tokenizer, optimiser and transcribed clips for `undertone.train.loop.run.run_stage`.

    Args:
        prepared: prepared folder with transcripts, flat or in shards.
        lexicon: dictionary whose phones are the classes.
    Raises:
        CorpusError: units that do not fit the phones, or a split without usable transcripts.
    """

    name: str

    def __init__(self, recipe: Recipe, prepared: Path, lexicon: Lexicon, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        tokenizer = self.build_tokenizer(lexicon)
        groups = self.parameter_groups(tokenizer)
        optimizer = torch.optim.AdamW(groups, recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay)
        self.train_set = self.open_clips(tokenizer, prepared, "train", lexicon)
        self.dev_set = self.open_clips(tokenizer, prepared, "dev", lexicon)
        self.batches = FrameBatches(self.train_set.frame_counts, recipe.frames_per_step, recipe.seed)
        self.tokenizer, self.optimizer = accelerator.prepare(tokenizer, optimizer)
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(tokenizer, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)

    @abstractmethod
    def build_tokenizer(self, lexicon: Lexicon) -> Network:
        """Return the tokenizer to train; parameters that are not trained ask for no gradient."""

    @abstractmethod
    def parameter_groups(self, tokenizer: Network) -> list[dict[str, list[nn.Parameter]]]:
        """Return the optimiser's groups of parameters."""

    @abstractmethod
    def learning_rates(self, progress: float) -> list[float]:
        """Return the learning rate of every group at a share of the budget."""

    @abstractmethod
    def open_clips(self, tokenizer: Network, prepared: Path, split: str, lexicon: Lexicon) -> TranscribedClips:
        """Return the clips of a split, "train" with augmentation."""

    @abstractmethod
    def logits(self, tokenizer: nn.Module, batch: PhoneBatch) -> Tensor:
        """Return the CTC logits [B, T, P] of a batch."""

    @abstractmethod
    def dev_batches(self) -> Iterator[np.ndarray]:
        """Yield the numbers of the dev clips to measure on, batch by batch."""

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step on the batches of that number; return the CTC loss per phone and the frames seen."""
        recipe, accelerator = self.recipe, self.accelerator
        for group, rate in zip(self.optimizer.param_groups, self.learning_rates(progress), strict=True):
            group["lr"] = rate
        self.tokenizer.train()
        metrics = {"loss": 0.0, "frames": 0.0}
        parts = recipe.gradient_accumulation * accelerator.num_processes
        for micro_batch in micro_batches(accelerator, self.tokenizer, recipe.gradient_accumulation):
            part = part_of_step(accelerator, micro_batch)
            torch.manual_seed(step_seed(recipe.seed, step, part))
            batch = self.train_set.batch(self.batches.batch(step * parts + part)).to(accelerator.device)
            loss = ctc_with_unknown(self._log_probs(self.tokenizer, batch), *batch.targets)
            accelerator.backward(loss * accelerator.num_processes)
            metrics["loss"] += loss.item() / recipe.gradient_accumulation
            metrics["frames"] += float(batch.lengths.sum())
        norm = apply_gradients(accelerator, self.tokenizer.parameters(), self.optimizer, recipe.max_gradient_norm)
        if self.average:
            self.average.update_parameters(accelerator.unwrap_model(self.tokenizer))
        return metrics | {"gradient_norm": norm}

    def _log_probs(self, tokenizer: nn.Module, batch: PhoneBatch) -> Tensor:
        with autocast(batch.inputs.device.type, self.recipe.bf16):
            logits = self.logits(tokenizer, batch)
        return logits.float().log_softmax(-1)

    def best_classes(self, batch: PhoneBatch, log_probs: Tensor) -> Tensor:
        """Return the likeliest class of every frame, int64 [B, T]."""
        return log_probs.argmax(-1)

    @torch.inference_mode()
    def evaluate(self, step: int) -> dict[str, float]:
        """Return the phone error rate of greedy decoding and the CTC loss per phone on the dev split."""
        network = self.network.eval()
        errors = phones = 0
        losses = []
        for indices in self.dev_batches():
            batch = self.dev_set.batch(indices).to(self.accelerator.device)
            log_probs = self._log_probs(network, batch)
            losses.append(ctc_with_unknown(log_probs, *batch.targets).item())
            targets = batch.classes.split(batch.num_classes.tolist())
            best = self.best_classes(batch, log_probs)
            for row, length, target in zip(best, batch.lengths, targets, strict=True):
                decoded = torch.unique_consecutive(row[:length])
                errors += Levenshtein.distance(decoded[decoded > 0].tolist(), target.tolist())
                phones += len(target)
        return {"phone_error_rate": errors / phones, "ctc": float(np.mean(losses))}

    @property
    def network(self) -> Network:
        """Return the tokenizer that is measured and exported, without any wrapper: the average where there is one."""
        return cast(Network, self.average.module if self.average else self.accelerator.unwrap_model(self.tokenizer))

    def tokenizer_on_cpu(self) -> Network:
        """Return a copy for fitting units and for export, in evaluation mode."""
        network = self.network
        copy = type(network)(network.config)
        copy.load_state_dict(network.state_dict())
        return copy.eval()

    def export_networks(self) -> dict[str, nn.Module]:
        """Return the tokenizer to export."""
        return {"tokenizer": self.network}

    def samples(self, step: int) -> list[Sample]:
        """Return no samples: a tokenizer makes no sound."""
        return []
