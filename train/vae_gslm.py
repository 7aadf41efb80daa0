"""The VAE-GSLM stage: posterior, language model, flow and diffusion decoder trained together (spec section 4)."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from engine.config import Config, ModelConfig
from engine.network import VAEGSLM, Losses, TrainingDraws, losses, total
from engine.noise import BatchNoise
from train.averaging import averaged_model
from train.loop import Budget
from train.tokenizer import warmup_cosine
from train.windows import Windows, WindowSampler

ACTIVE_NATS = 0.02  # a latent dimension with more KL than this per frame carries something
DEV_SEED = 1


class ModelRecipe(Config):
    """How VAE-GSLM is trained; the defaults are the published run's."""

    stage: Literal["model"] = "model"
    name: str = "vae-gslm"
    steps: int | None = None  # a budget in optimiser steps, or
    minutes: float | None = None  # in minutes of training
    model: ModelConfig = ModelConfig()
    window_frames: int = 640  # 12.8 s
    batch_size: int = 8  # windows per process and micro-batch
    gradient_accumulation: int = 2  # gradients are added, not averaged
    utterance_seconds: tuple[float, float] = (2.0, 4.0)
    beta: float = 0.04  # weight of the KL, and with gamma of the token cross-entropy
    gamma: float = 0.5
    kl_warmup: float = 0.025  # share of the budget: 30,000 of 1,200,000 steps
    learning_rate: float = 5e-4
    learning_rate_warmup: float = 0.0
    learning_rate_flat: float = 0.025  # share of the budget before the cosine starts
    learning_rate_floor: float = 0.1
    weight_decay: float = 0.1  # not on biases and norms
    max_gradient_norm: float | None = None
    loss_per_frame: bool = False  # the published loss is a sum over frames; Adam hides the factor, clipping does not
    average_decay: float | None = None  # exponential average of the weights, which is then what is exported
    precision: Literal["bf16", "float32"] = "bf16"
    compile: bool = False
    dev_batches: int = 6
    seed: int = 0

    @property
    def budget(self) -> Budget:
        """When the run ends."""
        return Budget(self.steps, self.minutes)

    def rate(self, progress: float) -> float:
        """Learning rate at a share of the budget."""
        flat = self.learning_rate_flat
        if progress < self.learning_rate_warmup:
            return self.learning_rate * max(progress / self.learning_rate_warmup, 0.01)
        if progress < flat:
            return self.learning_rate
        return self.learning_rate * warmup_cosine((progress - flat) / (1 - flat), 0.0, self.learning_rate_floor)

    def kl_weight(self, progress: float) -> float:
        """Weight of the KL (and of gamma CE) at a share of the budget: linear from 0 to beta."""
        return self.beta * min(1.0, progress / self.kl_warmup) if self.kl_warmup else self.beta


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """AdamW groups as published: decay for everything but biases, norm weights and other vectors."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim != 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


class ModelStage:
    """Network, optimiser and data of VAE-GSLM for `train.loop.run`."""

    name = "model"

    def __init__(self, recipe: ModelRecipe, prepared: Path, token_file: Path, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        network = VAEGSLM(recipe.model)
        optimizer = torch.optim.AdamW(
            parameter_groups(network, recipe.weight_decay), recipe.learning_rate, betas=(0.9, 0.98), eps=1e-8
        )
        self.network, self.optimizer = accelerator.prepare(network, optimizer)
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(network, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)
        windows = (recipe.model, recipe.window_frames, recipe.utterance_seconds)
        self.train_set = WindowSampler(prepared, "train", token_file, *windows)
        self.dev_set = WindowSampler(prepared, "dev", token_file, *windows)
        self._pass = self._compiled() if recipe.compile else self._losses

    def averaged(self) -> dict[str, nn.Module]:
        model = self.average.module if self.average else self.accelerator.unwrap_model(self.network)
        return {"model": model}

    def step(self, step: int, progress: float) -> dict[str, float]:
        """One optimiser step over `gradient_accumulation` micro-batches whose gradients add up."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(progress)
        kl_weight = self.recipe.kl_weight(progress)
        metrics: dict[str, float] = {}
        for micro_batch in range(self.recipe.gradient_accumulation):
            random = np.random.default_rng((self.recipe.seed, step, micro_batch, self.accelerator.process_index))
            terms = self._pass(self.network, self.train_set.batch(self.recipe.batch_size, random))
            loss = total(terms, kl_weight, self.recipe.gamma)
            self.accelerator.backward(loss / terms.num_frames if self.recipe.loss_per_frame else loss)
            for key, value in per_frame(terms, kl_weight, self.recipe.gamma).items():
                metrics[key] = metrics.get(key, 0.0) + value / self.recipe.gradient_accumulation
        if self.recipe.max_gradient_norm is not None:
            norm = self.accelerator.clip_grad_norm_(self.network.parameters(), self.recipe.max_gradient_norm)
            metrics["gradient_norm"] = float(norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average:
            self.average.update_parameters(self.accelerator.unwrap_model(self.network))
        return metrics | {"learning_rate": self.recipe.rate(progress), "kl_weight": kl_weight}

    def _losses(self, network: nn.Module, windows: Windows) -> Losses:
        device = self.accelerator.device
        tensors = [value.to(device) for value in vars(windows).values()]
        with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            forward = network(*tensors, BatchNoise(device))
        return losses(forward)

    def _compiled(self) -> Callable[[nn.Module, Windows], Losses]:
        """The same pass compiled; random numbers are drawn outside, in the same order, so that nothing else changes."""
        training_pass = torch.compile(self.accelerator.unwrap_model(self.network).training_pass)

        def compiled(network: nn.Module, windows: Windows) -> Losses:
            device = self.accelerator.device
            tensors = [value.to(device) for value in vars(windows).values()]
            draws = TrainingDraws.draw(self.recipe.model, BatchNoise(device), *windows.tokens.shape)
            with torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
                forward = training_pass(*tensors, draws)
            return losses(forward)

        return compiled

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """The losses on the same windows and the same noise of the dev split at every call, KL per dimension too."""
        network = self.averaged()["model"]
        sums: dict[str, float] = {}
        kl_per_dim = torch.zeros(self.recipe.model.latent_dim)
        with torch.random.fork_rng():
            torch.manual_seed(DEV_SEED)
            for number in range(self.recipe.dev_batches):
                random = np.random.default_rng((DEV_SEED, number))
                terms = self._losses(network, self.dev_set.batch(self.recipe.batch_size, random))
                kl_per_dim += (terms.kl_per_dim / terms.num_frames).cpu() / self.recipe.dev_batches
                for key, value in per_frame(terms, self.recipe.beta, self.recipe.gamma).items():
                    sums[key] = sums.get(key, 0.0) + value / self.recipe.dev_batches
        dims = {f"kl_dim_{dim}": float(value) for dim, value in enumerate(kl_per_dim)}
        return sums | dims | {"active_dims": float((kl_per_dim > ACTIVE_NATS).sum())}


def per_frame(terms: Losses, kl_weight: float, gamma: float) -> dict[str, float]:
    """The terms as logged: each sum divided by the number of frames; cross-entropy and KL in nats."""
    frames = terms.num_frames
    values: dict[str, Tensor] = {
        "loss": total(terms, kl_weight, gamma),
        "reconstruction": terms.reconstruction,
        "kl": terms.kl,
        "cross_entropy": terms.cross_entropy,
    }
    return {key: float(value.detach() / frames) for key, value in values.items()}
