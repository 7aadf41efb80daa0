"""The VAE-GSLM stage: posterior, language model, flow and diffusion decoder trained together (spec section 4)."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from undertone.engine.network import VAEGSLM, Gaussian, Losses, TrainingForward, losses, total
from undertone.engine.noise import BatchNoise
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.compilation import CompiledOrPlain
from undertone.train.loop.gradients import apply_gradients, micro_batches, part_of_step
from undertone.train.loop.initial_weights import load_matching_weights
from undertone.train.loop.metrics import Sample
from undertone.train.loop.precision import autocast
from undertone.train.loop.run import step_seed
from undertone.train.model.codebooks import fit_codebooks
from undertone.train.model.pitch_readout import PitchLosses, PitchReadout
from undertone.train.model.pitch_targets import assign_pitch
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.samples import reconstruction_samples
from undertone.train.model.window_loader import prefetch_windows
from undertone.train.model.window_sources import WindowSource, held_out_windows, window_source
from undertone.train.model.windows import Windows

log = logging.getLogger(__name__)

ACTIVE_NATS = 0.02  # a latent dimension with more KL than this per frame carries something
DEV_SEED = 1


def build_network(recipe: ModelRecipe, start: Path | None = None, of_another_system: bool = False) -> VAEGSLM:
    """Build the network of a recipe, untrained or with the weights that another run of the same sizes exported.

    Args:
        start: exported weights to begin with.
        of_another_system: those of another system of the same sizes: what both have is taken, the rest is untrained.
    """
    network = VAEGSLM(recipe.model)
    if start is not None and of_another_system:
        load_matching_weights(network, start)
    elif start is not None:
        network.load_state_dict(load_file(str(start)))
    if not recipe.latents:
        zero_latent_input(network)
    for name, module in network.named_children():
        module.requires_grad_(recipe.trains(name))
    return network


@torch.no_grad()
def zero_latent_input(network: nn.Module) -> None:
    """Set the projection through which latents enter the network to zero.

    Transformer and decoder then depend on tokens alone; a bundle of such a network is an ordinary one.
    """
    assert isinstance(network, VAEGSLM)
    for parameter in network.latent_input.parameters():
        parameter.zero_()


def objective(terms: Losses, kl_weight: float, recipe: ModelRecipe) -> Tensor:
    """Return what is optimised: the published sum, without the KL where no latents are modelled."""
    if recipe.latents:
        return total(terms, kl_weight, recipe.gamma, recipe.beside_weight)
    return terms.reconstruction + kl_weight * recipe.gamma * terms.cross_entropy + 0.0 * terms.kl


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Return AdamW groups as published: decay for everything but biases, norm weights and other vectors."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim != 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


class ModelStage:
    """Network, optimiser and data of VAE-GSLM for `undertone.train.loop.run.run_stage`.

    Args:
        token_file: what `assign_tokens` returned; not read by a recipe without tokens.
        start: exported weights to begin with instead of random ones.
        aligned: what `assign_aligned_tokens` returned, to predict instead of the tokenizer's tokens.
        loader_workers: processes that build windows ahead of time; the windows are the same.
        start_of_another_system: see `build_network`.
    """

    name = "model"

    def __init__(
        self,
        recipe: ModelRecipe,
        prepared: Path,
        token_file: Path | None,
        accelerator: Accelerator,
        start: Path | None = None,
        aligned: Path | None = None,
        loader_workers: int = 0,
        start_of_another_system: bool = False,
    ) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        network = build_network(recipe, start, start_of_another_system)
        tokens = token_file if recipe.tokens else None
        if recipe.model.beside == "codes" and (start is None or start_of_another_system):
            left = fit_codebooks(network, window_source(recipe, prepared, tokens, 1, None, aligned), recipe.seed)
            log.info(
                "codes leave %s of the mel's variance, level by level", ", ".join(f"{share:.3f}" for share in left)
            )
        readout = PitchReadout(recipe.model.latent_dim) if recipe.trains_pitch_readout else nn.Identity()
        adam_w: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW
        if recipe.shard_optimiser and accelerator.num_processes > 1:
            from undertone.train.loop.sharded_optimiser import ShardedAdamW  # takes half a second

            adam_w = ShardedAdamW
        optimizer = adam_w(
            parameter_groups(nn.ModuleList([network, readout]).to(accelerator.device), recipe.weight_decay),
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-8,
        )
        self.network, self.optimizer = accelerator.prepare(network, optimizer)
        self.readout = accelerator.prepare(readout) if recipe.trains_pitch_readout else None
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(network, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)
        if recipe.compile:  # after the average was copied, which must not run the network's own compiled pass
            network.__dict__["training_pass"] = CompiledOrPlain(network.training_pass)
        self.parts = recipe.gradient_accumulation * accelerator.num_processes
        pitch = assign_pitch(prepared, recipe.pitch_clips, recipe.seed) if recipe.needs_pitch else None
        self.loader_workers = loader_workers
        self.train_set = self.prefetch(window_source(recipe, prepared, tokens, self.parts, pitch, aligned))
        self.dev_set = held_out_windows(recipe, prepared, tokens, pitch, aligned)

    def prefetch(self, source: WindowSource) -> WindowSource:
        """Return the source read ahead by this stage's workers."""
        accelerator, accumulation = self.accelerator, self.recipe.gradient_accumulation
        processes, process = accelerator.num_processes, accelerator.process_index
        return prefetch_windows(source, accumulation, processes, process, self.loader_workers, accelerator.device)

    def export_networks(self) -> dict[str, nn.Module]:
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
        for micro_batch in micro_batches(accelerator, self.network, recipe.gradient_accumulation):
            part = part_of_step(accelerator, micro_batch)
            torch.manual_seed(step_seed(recipe.seed, step, part))
            terms, reading = self._losses(self.network, self.train_set.windows(step, part))
            loss = objective(terms, kl_weight, recipe)
            if reading:
                loss = loss + recipe.pitch_weight * reading.loss * terms.num_frames
            loss = loss * accelerator.num_processes
            accelerator.backward(loss / terms.num_frames if recipe.loss_per_frame else loss)
            for key, value in (metrics_per_frame(terms, kl_weight, recipe) | pitch_metrics(reading)).items():
                metrics[key] = metrics.get(key, 0.0) + value / recipe.gradient_accumulation
            metrics["frames"] += float(terms.num_frames)
        norm = apply_gradients(accelerator, self.network.parameters(), self.optimizer, recipe.max_gradient_norm)
        if not recipe.latents:
            zero_latent_input(accelerator.unwrap_model(self.network))
        if self.average:
            self.average.update_parameters(accelerator.unwrap_model(self.network))
        return metrics | {"gradient_norm": norm, "learning_rate": recipe.rate(progress), "kl_weight": kl_weight}

    def _losses(self, network: nn.Module, windows: Windows) -> tuple[Losses, PitchLosses | None]:
        batch = windows.to(self.accelerator.device)
        forward = self._forward(network, batch)
        if self.readout is None or batch.pitch_hz is None:
            return losses(forward), None
        return losses(forward), self.readout(forward.latents, batch.pitch_hz, forward.mask)

    def _forward(self, network: nn.Module, batch: Windows, posterior: Gaussian | None = None) -> TrainingForward:
        """Run a training pass of windows on the device; its tokens are those to predict."""
        return forward_pass(network, self.recipe, batch, self.accelerator.device, posterior)

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Return the losses on fixed dev windows and noise, without masks, and the KL of each dimension."""
        network = self.export_networks()["model"]
        sums: dict[str, float] = {}
        kl_per_dim = torch.zeros(self.recipe.model.latent_dim)
        network.eval()
        with torch.random.fork_rng():
            torch.manual_seed(DEV_SEED)
            for number in range(self.recipe.dev_batches):
                random = np.random.default_rng((DEV_SEED, number))
                terms, reading = self._losses(network, self.dev_set.batch(self.recipe.batch_size, random))
                kl_per_dim += (terms.kl_per_dim / terms.num_frames).cpu() / self.recipe.dev_batches
                measured = metrics_per_frame(terms, self.recipe.beta, self.recipe) | pitch_metrics(reading)
                for key, value in measured.items():
                    sums[key] = sums.get(key, 0.0) + value / self.recipe.dev_batches
        network.train()
        dims = {f"kl_dim_{dim}": float(value) for dim, value in enumerate(kl_per_dim)}
        return sums | dims | {"active_dims": float((kl_per_dim > ACTIVE_NATS).sum())}

    def samples(self, step: int) -> list[Sample]:
        """Return a window of the dev split and its reconstruction."""
        network = self.export_networks()["model"]
        assert isinstance(network, VAEGSLM)
        return reconstruction_samples(network, self.dev_set.batch(1, np.random.default_rng(DEV_SEED)))


def forward_pass(
    network: nn.Module,
    recipe: ModelRecipe,
    batch: Windows,
    device: torch.device,
    posterior: Gaussian | None = None,
    counted: bool = False,
) -> TrainingForward:
    """Run the training pass of windows on the device; its tokens are those to predict.

    `counted` passes compute nothing, see `autocast`.
    """
    with autocast(device.type, recipe.precision == "bf16", counted):
        forward: TrainingForward = network(
            batch.tokens,
            batch.mel,
            batch.lengths,
            batch.utterance_mel,
            batch.utterance_lengths,
            BatchNoise(device),
            part=recipe.part,
            posterior=posterior,
            latent_dropout=recipe.latent_dropout,
            scheduled_sampling=recipe.scheduled_sampling,
            drawn_latents=recipe.drawn_latents,
            condition_dropout=recipe.condition_dropout,
            pitch=batch.contour,
            targets=batch.targets,
        )
    return forward


def metrics_per_frame(terms: Losses, kl_weight: float, recipe: ModelRecipe) -> dict[str, float]:
    """Return the terms as logged: each sum divided by the frames; cross-entropy and KL in nats."""
    frames = terms.num_frames
    values: dict[str, Tensor] = {
        "loss": total(terms, kl_weight, recipe.gamma, recipe.beside_weight),
        "reconstruction": terms.reconstruction,
        "cross_entropy": terms.cross_entropy,
    }
    if recipe.model.has_latents:
        values["kl"] = terms.kl
    elif isinstance(terms.beside, Tensor) and recipe.model.latent_dim:
        values[recipe.model.beside] = terms.beside
    return {key: float(value.detach() / frames) for key, value in values.items()}


def pitch_metrics(reading: PitchLosses | None) -> dict[str, float]:
    """Return the losses of the pitch readout, as logged."""
    if reading is None:
        return {}
    return {"read_log_f0": float(reading.log_f0.detach()), "read_voicing": float(reading.voicing.detach())}
