"""Pretraining of the transformer on prose as phones, one position each.

Rendered as frames a phone takes 4.2 positions, nearly all of which only say "still here"; an hour of training then sees
a fraction of the prose. Here each phone is one position, as one of its three parts at random, without latents, and
ALiBi counts each position as the frames that a phone lasts: what is learned of phones that follow each other is found
again at the same distances when the model hears frames. B batch, N phones.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from undertone.engine import SettingsError
from undertone.engine.network import VAEGSLM
from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.gradients import apply_gradients, micro_batches, part_of_step
from undertone.train.loop.metrics import Sample
from undertone.train.loop.precision import autocast
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import build_network, parameter_groups
from undertone.train.text.prose import Prose
from undertone.train.tokenizer.phone_parts import num_parts_of

FRAMES_PER_PHONE = 4.0
DEV_BATCHES = 12


class PhoneStage:
    """The transformer and its token head on prose, for `undertone.train.loop.run.run_stage`.

    Args:
        recipe: of the part "language"; a window has `window_frames` phones.
        prose: to train on.
        held_out: to measure on; may be empty.
        start: exported weights of the decoder part, whose token embedding is read and kept.
    Raises:
        CorpusError: units that are not the parts of these phones.
    """

    name = "phones"

    def __init__(
        self, recipe: ModelRecipe, prose: Prose, held_out: Prose, num_phones: int, accelerator: Accelerator, start: Path
    ) -> None:
        if recipe.model.num_tokens != num_parts_of(num_phones):
            raise CorpusError(
                f"phones come first only where units are parts of phones: {num_parts_of(num_phones)} of them, "
                f"the model has {recipe.model.num_tokens}. Train the tokenizer with phone_parts."
            )
        if not recipe.model.has_latents:
            raise SettingsError(f"prose is for models with latents so far, and this is a {recipe.model.system}")
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        self._prose, self._held_out = join_sentences(prose), join_sentences(held_out)
        network = build_network(recipe, start)
        network.transformer.alibi.stretch(FRAMES_PER_PHONE)  # no weight: what is exported has its own distances
        optimizer = torch.optim.AdamW(
            parameter_groups(network, recipe.weight_decay), recipe.learning_rate, betas=(0.9, 0.98), eps=1e-8
        )
        for latents_only in (network.flow, network.prior_head.latent_hidden, network.prior_head.base):
            latents_only.requires_grad_(False)  # no phone asks for it; several processes wait for every gradient
        self.network, self.optimizer = accelerator.prepare(_NextPhone(network), optimizer)
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(self._own, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)

    @property
    def _own(self) -> "_NextPhone":
        model = self.accelerator.unwrap_model(self.network)
        assert isinstance(model, _NextPhone)
        return model

    def export_networks(self) -> dict[str, nn.Module]:
        """Return the whole network with the averaged transformer and heads; all else is as it was."""
        model = self.average.module if self.average else self._own
        assert isinstance(model, _NextPhone)
        return {"model": model.network}

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step; the windows follow from its number."""
        recipe, accelerator = self.recipe, self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(progress)
        nats = 0.0
        for micro_batch in micro_batches(accelerator, self.network, recipe.gradient_accumulation):
            part = part_of_step(accelerator, micro_batch)
            loss = self._nats(self.network, self._prose, np.random.default_rng((recipe.seed, step, part)))
            accelerator.backward(loss * accelerator.num_processes)
            nats += float(loss.detach()) / recipe.gradient_accumulation
        norm = apply_gradients(accelerator, self.network.parameters(), self.optimizer, recipe.max_gradient_norm)
        if self.average:
            self.average.update_parameters(self._own)
        phones = recipe.batch_size * recipe.window_frames * recipe.gradient_accumulation
        return {"loss": nats, "frames": float(phones), "gradient_norm": norm, "learning_rate": recipe.rate(progress)}

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Return nats per phone of held-out books, where the prose has some."""
        if len(self._held_out) < self.recipe.window_frames:
            return {}
        model = self.average.module if self.average else self._own
        draws = (np.random.default_rng((0, number)) for number in range(DEV_BATCHES))
        return {"nats_per_phone": float(np.mean([float(self._nats(model, self._held_out, draw)) for draw in draws]))}

    def samples(self, step: int) -> list[Sample]:
        """Return no samples: this stage makes no sound."""
        return []

    def _nats(self, model: nn.Module, text: np.ndarray, random: np.random.Generator) -> Tensor:
        size = (self.recipe.batch_size, self.recipe.window_frames)
        starts = random.integers(0, max(1, len(text) - size[1]), size[0])
        phones = torch.from_numpy(np.stack([text[start : start + size[1]] for start in starts]).astype(np.int64))
        parts = torch.from_numpy(random.integers(0, PARTS_OF_PHONE, phones.shape))
        device = self.accelerator.device
        with autocast(device.type, self.recipe.precision == "bf16"):
            nats: Tensor = model(phones.to(device), parts.to(device))
        return nats


class _NextPhone(nn.Module):
    """Mean nats of each phone given those before it."""

    def __init__(self, network: VAEGSLM) -> None:
        super().__init__()
        self.network = network

    def forward(self, phones: Tensor, parts: Tensor) -> Tensor:
        """Return the mean nats of each phone given those before it.

        Args:
            phones: int64 [B, N], 0 is silence.
            parts: int64 [B, N], which part stands for each phone.
        """
        network = self.network
        latents = torch.zeros(*phones.shape, network.config.latent_dim, device=phones.device)
        fused = network.fuse(PARTS_OF_PHONE * phones + parts, latents)
        inputs = torch.cat([torch.zeros_like(fused[:, :1]), fused[:, :-1]], dim=1)
        logits = network.token_logits(network.transform(inputs))[..., : network.config.num_tokens]
        of_phones = logits.log_softmax(-1).unflatten(-1, (-1, PARTS_OF_PHONE)).logsumexp(-1)
        return F.nll_loss(of_phones.flatten(0, 1), phones.flatten())


def join_sentences(prose: Prose) -> np.ndarray:
    """Return all sentences one after the other with a pause behind each, uint8."""
    counts = np.diff(prose.offsets)
    text = np.full(len(prose.symbols) + len(counts), SILENCE, dtype=np.uint8)
    text[np.arange(len(prose.symbols)) + np.repeat(np.arange(len(counts)), counts)] = prose.symbols
    return text
