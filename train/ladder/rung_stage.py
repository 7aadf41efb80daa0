"""Training of one rung's language model: next-token cross-entropy on windows of equally many words."""

from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from undertone.engine.config import TransformerConfig
from undertone.engine.network.token_lm import PADDING, TokenLM, TokenLMConfig
from undertone.train.ladder.windows import WordWindows
from undertone.train.loop.gradients import apply_gradients
from undertone.train.loop.metrics import Sample
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.loop.settings import Count, Positive, Rate, RunSettings, Seed, Share

EVALUATED_BATCHES = 10


class LadderSettings(RunSettings):
    """Settings that all rungs have in common; the budget is in epochs, so that all see as many words."""

    epochs: Count = 4
    window_words: Count = 75
    batch_size: Count = 4  # windows
    learning_rate: Rate = 2e-3
    learning_rate_warmup: Share = 0.05
    weight_decay: Share = 0.1
    max_gradient_norm: Positive = 1.0
    seed: Seed = 0
    transformer: TransformerConfig = TransformerConfig(
        dim=128, num_layers=3, num_heads=4, feedforward_dim=512, max_positions=8192
    )


class RungStage:
    """The language model of a rung, for `undertone.train.loop.run.run_stage`.

    Args:
        words: tokens of every word to train on, int64 [tokens] each.
        held_out: the same of books that are not trained on.
        vocabulary: of the stream.
    """

    def __init__(
        self,
        name: str,
        settings: LadderSettings,
        words: Sequence[np.ndarray],
        held_out: Sequence[np.ndarray],
        vocabulary: int,
        accelerator: Accelerator,
    ) -> None:
        self.name, self.settings, self.accelerator = name, settings, accelerator
        torch.manual_seed(settings.seed)
        self.config = TokenLMConfig(vocabulary=vocabulary, transformer=settings.transformer)
        self.windows = WordWindows(words, settings.window_words, settings.batch_size, settings.seed)
        self._held_out = WordWindows(held_out, settings.window_words, settings.batch_size, 0)
        network = TokenLM(self.config)
        optimizer = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.network, self.optimizer = accelerator.prepare(network, optimizer)

    @property
    def steps(self) -> int:
        """Return the steps of all epochs."""
        return self.settings.epochs * self.windows.batches_per_epoch

    @property
    def model(self) -> TokenLM:
        """Return the network itself."""
        model = self.accelerator.unwrap_model(self.network)
        assert isinstance(model, TokenLM)
        return model

    def export_networks(self) -> dict[str, nn.Module]:
        """Return the network."""
        return {"model": self.model}

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step on the windows of that number; the loss is per token."""
        rate = self.settings.learning_rate * warmup_cosine(progress, self.settings.learning_rate_warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        tokens = self.windows.batch(step).to(self.accelerator.device)
        count = int((tokens != PADDING).sum())
        loss = self.model.nats(tokens).sum() / count
        self.accelerator.backward(loss)
        norm = apply_gradients(
            self.accelerator, self.network.parameters(), self.optimizer, self.settings.max_gradient_norm
        )
        return {"loss": float(loss.detach()), "frames": float(count), "gradient_norm": norm, "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Return nats per word of held-out text."""
        nats = words = 0.0
        for number in range(min(EVALUATED_BATCHES, self._held_out.batches_per_epoch)):
            tokens = self._held_out.batch(number).to(self.accelerator.device)
            nats += float(self.model.nats(tokens).sum())
            words += len(tokens) * self._held_out.window_words
        return {"loss": nats / words}

    def samples(self, step: int) -> list[Sample]:
        """Return no samples: this stage makes no sound."""
        return []
