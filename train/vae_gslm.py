"""The VAE-GSLM stage: posterior, language model, flow and diffusion decoder trained together (spec section 4)."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from accelerate import Accelerator
from pydantic import model_validator
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from engine.config import ModelConfig
from engine.network import VAEGSLM, Gaussian, Losses, Part, TrainingForward, losses, total
from engine.noise import BatchNoise
from train.averaging import averaged_model
from train.compiling import CompiledOrPlain
from train.gradients import apply_gradients
from train.loop import step_seed
from train.metrics import Sample
from train.pitch import assign_pitch
from train.readout import PitchReadout, Reading
from train.run_settings import (
    Count,
    Positive,
    Rate,
    RunSettings,
    SecondsRange,
    Seed,
    Share,
    ShareBelowOne,
    Weight,
    WindowFrames,
)
from train.samples import reconstruction_samples
from train.tokenizer import warmup_cosine
from train.window_loader import loaded
from train.window_sources import WindowSource, held_out_windows, window_source
from train.windows import Windows

ACTIVE_NATS = 0.02  # a latent dimension with more KL than this per frame carries something
DEV_SEED = 1
LANGUAGE = ("transformer", "prior_head", "flow")  # the half of the network that predicts; the rest makes sound
SOUND = ("decoder", "utterance_encoder")  # of that, what reads tokens and latents


class ModelRecipe(RunSettings):
    """How VAE-GSLM is trained; the defaults are the published run's."""

    stage: Literal["model"] = "model"
    name: str = "vae-gslm"
    model: ModelConfig = ModelConfig()
    tokens: bool = True  # False: the ablation without tokens, the latents carry everything
    latents: bool = True  # False: the baseline of tokens alone, no latent reaches the network
    # Small budgets go further one part at a time, the rest frozen: "decoder" trains posterior and decoder with N(0, I)
    # as the prior, "language" the transformer, prior and flow on what the posterior says, "all" the whole as one,
    # "sound" the decoder alone, on latents and tokens as they are.
    part: Part = "all"
    pitch_weight: Weight = 0.0  # of reading log F0 and voicing from the latents by one linear layer; not published
    pitch_clips: Share = 0.3  # share of the train clips whose pitch is measured for that
    latent_dropout: Share = 0.0  # share of frames whose latents the transformer does not see; not published
    scheduled_sampling: Share = 0.0  # share of windows that end in latents of the model's own; not published
    condition_dropout: Share = 0.0  # share of windows whose decoder sees no tokens and latents; not published
    spoken_tokens: bool = False  # foretell what the transcripts say instead of what the tokenizer hears; not published
    window_frames: WindowFrames = 640  # 12.8 s
    batch_size: Count = 8  # windows per process and micro-batch
    frames_per_batch: Count | None = None  # instead of batch_size: windows of similar length within so many frames
    gradient_accumulation: Count = 2  # gradients are added, not averaged, over micro-batches and processes
    pool_shards: Count = 4  # of a corpus in shards: how many are in memory for each micro-batch of a step
    utterance_seconds: SecondsRange = (2.0, 4.0)
    beta: Weight = 0.04  # weight of the KL, and with gamma of the token cross-entropy
    gamma: Weight = 0.5
    kl_warmup: Share = 0.025  # share of the budget: 30,000 of 1,200,000 steps
    learning_rate: Rate = 5e-4
    learning_rate_warmup: Share = 0.0
    learning_rate_flat: ShareBelowOne = 0.025  # share of the budget before the cosine starts
    learning_rate_floor: Share = 0.1
    weight_decay: Share = 0.1  # not on biases and norms
    max_gradient_norm: Positive | None = None
    loss_per_frame: bool = False  # the published loss is a sum over frames; Adam hides the factor, clipping does not
    average_decay: ShareBelowOne | None = None  # exponential average of the weights, which is then what is exported
    precision: Literal["bf16", "float32"] = "bf16"
    compile: bool = False
    dev_batches: Count = 6
    seed: Seed = 0

    @model_validator(mode="after")
    def _ablations_fit(self) -> "ModelRecipe":
        if not (self.tokens or self.latents):
            raise ValueError("tokens and latents are both off, nothing is left to model")
        if not self.tokens and self.model.num_tokens != 1:
            raise ValueError(f"without tokens model.num_tokens must be 1, got {self.model.num_tokens}")
        if self.model.decoder.guidance != 1.0 and not (self.condition_dropout or self.part == "language"):
            raise ValueError(
                f"model.decoder.guidance is {self.model.decoder.guidance:g}, which needs condition_dropout, "
                "for example 0.15"
            )
        return self

    @property
    def reads_pitch(self) -> bool:
        """Return whether the latents are asked for the pitch."""
        return self.pitch_weight > 0 and self.part in ("all", "decoder")

    def trains(self, name: str) -> bool:
        """Return whether this part of the network is trained, by the name of its module."""
        match self.part:
            case "all":
                return True
            case "decoder":
                return name not in LANGUAGE
            case "language":
                return name in LANGUAGE
            case "sound":
                return name in SOUND

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


def build_network(recipe: ModelRecipe, start: Path | None = None) -> VAEGSLM:
    """Build the network of a recipe, untrained or with the weights that another run of the same sizes exported."""
    network = VAEGSLM(recipe.model)
    if start is not None:
        network.load_state_dict(load_file(str(start)))
    if not recipe.latents:
        close_latents(network)
    for name, module in network.named_children():
        module.requires_grad_(recipe.trains(name))
    return network


@torch.no_grad()
def close_latents(network: nn.Module) -> None:
    """Keep the latents out of the network: their only way in is a projection, which is held at zero.

    Transformer and decoder then see tokens alone, and a bundle of it is an ordinary one whose latents do nothing.
    """
    assert isinstance(network, VAEGSLM)
    network.latent_input.weight.zero_()
    network.latent_input.bias.zero_()


def objective(terms: Losses, kl_weight: float, recipe: ModelRecipe) -> Tensor:
    """Return what is optimised: the published sum, without the KL where no latents are modelled."""
    if recipe.latents:
        return total(terms, kl_weight, recipe.gamma)
    return terms.reconstruction + kl_weight * recipe.gamma * terms.cross_entropy + 0.0 * terms.kl


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return AdamW groups as published: decay for everything but biases, norm weights and other vectors."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim != 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


class ModelStage:
    """Network, optimiser and data of VAE-GSLM for `train.loop.run`.

    Args:
        token_file: what `assign_tokens` returned; not read by a recipe without tokens.
        start: exported weights to begin with instead of random ones.
        spoken: what `assign_spoken` returned, to foretell instead of what the tokenizer heard.
        loader_workers: processes that build windows ahead of time; the windows are the same.
    """

    name = "model"

    def __init__(
        self,
        recipe: ModelRecipe,
        prepared: Path,
        token_file: Path | None,
        accelerator: Accelerator,
        start: Path | None = None,
        spoken: Path | None = None,
        loader_workers: int = 0,
    ) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        network = build_network(recipe, start)
        readout = PitchReadout(recipe.model.latent_dim) if recipe.reads_pitch else nn.Identity()
        optimizer = torch.optim.AdamW(
            parameter_groups(nn.ModuleList([network, readout]), recipe.weight_decay),
            recipe.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-8,
        )
        self.network, self.optimizer = accelerator.prepare(network, optimizer)
        self.readout = accelerator.prepare(readout) if recipe.reads_pitch else None
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(network, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)
        if recipe.compile:  # after the average was copied, which must not run the network's own compiled pass
            network.__dict__["training_pass"] = CompiledOrPlain(network.training_pass)
        tokens = token_file if recipe.tokens else None
        self.parts = recipe.gradient_accumulation * accelerator.num_processes
        pitch = assign_pitch(prepared, recipe.pitch_clips, recipe.seed) if recipe.reads_pitch else None
        self.loader_workers = loader_workers
        self.train_set = self.loaded(window_source(recipe, prepared, tokens, self.parts, pitch, spoken))
        self.dev_set = held_out_windows(recipe, prepared, tokens, pitch, spoken)

    def loaded(self, source: WindowSource) -> WindowSource:
        """Return the source with this stage's workers in front of it."""
        accelerator, accumulation = self.accelerator, self.recipe.gradient_accumulation
        processes, process = accelerator.num_processes, accelerator.process_index
        return loaded(source, accumulation, processes, process, self.loader_workers, accelerator.device)

    def averaged(self) -> dict[str, nn.Module]:
        model = self.average.module if self.average else self.accelerator.unwrap_model(self.network)
        return {"model": model}

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step over micro-batches whose gradients add up, over processes too.

        A micro-batch's windows and noise follow from its number in the step, so that two processes with one
        micro-batch each train as one process with two does.
        """
        recipe, accelerator = self.recipe, self.accelerator
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(progress)
        kl_weight = recipe.kl_weight(progress)
        metrics: dict[str, float] = {"frames": 0.0}
        for micro_batch in range(recipe.gradient_accumulation):
            part = micro_batch * accelerator.num_processes + accelerator.process_index
            torch.manual_seed(step_seed(recipe.seed, step, part))
            last = micro_batch == recipe.gradient_accumulation - 1
            with nullcontext() if last else accelerator.no_sync(self.network):
                terms, reading = self._losses(self.network, self.train_set.windows(step, part))
                loss = objective(terms, kl_weight, recipe)
                if reading:
                    loss = loss + recipe.pitch_weight * reading.loss * terms.num_frames
                # Processes' gradients are averaged; times their number they are added, as those of micro-batches are.
                loss = loss * accelerator.num_processes
                accelerator.backward(loss / terms.num_frames if recipe.loss_per_frame else loss)
            for key, value in (per_frame(terms, kl_weight, recipe.gamma) | read(reading)).items():
                metrics[key] = metrics.get(key, 0.0) + value / recipe.gradient_accumulation
            metrics["frames"] += float(terms.num_frames)
        norm = apply_gradients(accelerator, self.network.parameters(), self.optimizer, recipe.max_gradient_norm)
        if not recipe.latents:
            close_latents(accelerator.unwrap_model(self.network))
        if self.average:
            self.average.update_parameters(accelerator.unwrap_model(self.network))
        return metrics | {"gradient_norm": norm, "learning_rate": recipe.rate(progress), "kl_weight": kl_weight}

    def _losses(self, network: nn.Module, windows: Windows) -> tuple[Losses, Reading | None]:
        on = windows.to(self.accelerator.device)
        forward = self._forward(network, on)
        if self.readout is None or on.pitch_hz is None:
            return losses(forward), None
        return losses(forward), self.readout(forward.latents, on.pitch_hz, forward.mask)

    def _forward(self, network: nn.Module, on: Windows, posterior: Gaussian | None = None) -> TrainingForward:
        """Run a training pass of windows on the device; its tokens are those to predict."""
        return forward_pass(network, self.recipe, on, self.accelerator.device, posterior)

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Return the losses on the same windows and noise of dev at every call, nothing hidden; KL per dimension."""
        network = self.averaged()["model"]
        sums: dict[str, float] = {}
        kl_per_dim = torch.zeros(self.recipe.model.latent_dim)
        network.eval()
        with torch.random.fork_rng():
            torch.manual_seed(DEV_SEED)
            for number in range(self.recipe.dev_batches):
                random = np.random.default_rng((DEV_SEED, number))
                terms, reading = self._losses(network, self.dev_set.batch(self.recipe.batch_size, random))
                kl_per_dim += (terms.kl_per_dim / terms.num_frames).cpu() / self.recipe.dev_batches
                for key, value in (per_frame(terms, self.recipe.beta, self.recipe.gamma) | read(reading)).items():
                    sums[key] = sums.get(key, 0.0) + value / self.recipe.dev_batches
        network.train()
        dims = {f"kl_dim_{dim}": float(value) for dim, value in enumerate(kl_per_dim)}
        return sums | dims | {"active_dims": float((kl_per_dim > ACTIVE_NATS).sum())}

    def samples(self, step: int) -> list[Sample]:
        """Return a window of the dev split and its reconstruction."""
        network = self.averaged()["model"]
        assert isinstance(network, VAEGSLM)
        return reconstruction_samples(network, self.dev_set.batch(1, np.random.default_rng(DEV_SEED)))


def forward_pass(
    network: nn.Module, recipe: ModelRecipe, on: Windows, device: torch.device, posterior: Gaussian | None = None
) -> TrainingForward:
    """Run the training pass of windows on the device; its tokens are those to foretell."""
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        forward: TrainingForward = network(
            on.tokens,
            on.mel,
            on.lengths,
            on.utterance_mel,
            on.utterance_lengths,
            BatchNoise(device),
            part=recipe.part,
            posterior=posterior,
            latent_dropout=recipe.latent_dropout,
            scheduled_sampling=recipe.scheduled_sampling,
            condition_dropout=recipe.condition_dropout,
        )
    return forward if on.targets is None else replace(forward, tokens=on.targets)


def per_frame(terms: Losses, kl_weight: float, gamma: float) -> dict[str, float]:
    """Return the terms as logged: each sum divided by the frames; cross-entropy and KL in nats."""
    frames = terms.num_frames
    values: dict[str, Tensor] = {
        "loss": total(terms, kl_weight, gamma),
        "reconstruction": terms.reconstruction,
        "kl": terms.kl,
        "cross_entropy": terms.cross_entropy,
    }
    return {key: float(value.detach() / frames) for key, value in values.items()}


def read(reading: Reading | None) -> dict[str, float]:
    """Return how well pitch was read, as logged."""
    if reading is None:
        return {}
    return {"read_log_f0": float(reading.log_f0.detach()), "read_voicing": float(reading.voicing.detach())}
