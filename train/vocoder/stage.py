"""The vocoder stage: a long cheap phase on spectral losses, then adversarial steps with narrow discriminators."""

import math
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from undertone.engine.vocoders import SourceFilter, build_vocoder
from undertone.train.data.pool import open_corpus
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.gradients import apply_gradients, micro_batches, part_of_step
from undertone.train.loop.initial_weights import load_matching_weights
from undertone.train.loop.metrics import Sample
from undertone.train.loop.precision import autocast
from undertone.train.vocoder.discriminators import Discriminators
from undertone.train.vocoder.losses import (
    MelLoss,
    SpectralLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    log_spectral_distance,
)
from undertone.train.vocoder.phase_losses import PhaseLoss
from undertone.train.vocoder.pitch_targets import pitch_loss
from undertone.train.vocoder.recipe import VocoderRecipe
from undertone.train.vocoder.segments import SegmentBatch, segment_source

HELD_OUT_HOURS = 0.5  # of a corpus in shards
SAMPLE_SECONDS = 8


def balance_gradients(losses: dict[str, tuple[float, Tensor]], generated: Tensor) -> Tensor:
    """Return the gradient at the waveform in which each (weight, loss) has its share of the norm (arXiv 2210.13438)."""
    total = torch.zeros_like(generated)
    for weight, loss in losses.values():
        (gradient,) = torch.autograd.grad(loss, generated, retain_graph=True)
        norm = gradient.flatten(1).norm(dim=1).mean().clamp_min(1e-12)
        total = total + weight / norm * gradient
    return total / sum(weight for weight, _ in losses.values())


class VocoderStage:
    """Generator, discriminators, their optimisers and data, for `undertone.train.loop.run.run_stage`."""

    name = "vocoder"

    def __init__(self, recipe: VocoderRecipe, prepared: Path, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        generator = build_vocoder(recipe.generator)
        if recipe.start is not None:
            load_matching_weights(generator, recipe.start)
        sizes = recipe.discriminators
        discriminators = Discriminators(sizes.periods, sizes.period_width, sizes.n_ffts, sizes.resolution_width)
        self.generator, self.discriminators, self.generator_optimizer, self.discriminator_optimizer = (
            accelerator.prepare(
                generator,
                discriminators,
                torch.optim.AdamW(generator.parameters(), recipe.learning_rate, recipe.betas, weight_decay=1e-3),
                torch.optim.AdamW(discriminators.parameters(), recipe.learning_rate, recipe.betas, weight_decay=1e-3),
            )
        )
        self.average = averaged_model(generator, recipe.average_decay)
        accelerator.register_for_checkpointing(self.average)
        mel = recipe.generator.mel
        self.spectral = SpectralLoss().to(accelerator.device)
        self.mel = MelLoss(mel).to(accelerator.device)
        self.phase = PhaseLoss(weights=recipe.phase_shares).to(accelerator.device)
        self.parts = recipe.gradient_accumulation * accelerator.num_processes
        self.segments = segment_source(recipe, prepared, self.parts)
        self.held_out = open_corpus(prepared, "dev", mel, HELD_OUT_HOURS, audio=True)

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one step of the generator and, in the adversarial phase, one of the discriminators before it.

        Gradients of micro-batches and processes add up. With several micro-batches the discriminators see waveforms
        that are generated once more for the generator's own step, so that only one graph is held at a time.
        """
        recipe = self.recipe
        adversarial_phase = progress >= recipe.adversarial_from
        size = recipe.adversarial_batch if adversarial_phase else recipe.batch
        rate = self._learning_rate(step, progress)
        batches = [self._batch(step, size, micro_batch) for micro_batch in range(recipe.gradient_accumulation)]
        made = [self._generate(batches[0])] if len(batches) == 1 else []
        metrics: dict[str, float] = {}
        if adversarial_phase:
            metrics["discriminator"] = self._train_discriminators(batches, made, rate)
        for number in micro_batches(self.accelerator, self.generator, len(batches)):
            batch = batches[number]
            generated = made[number] if made else self._generate(batch)
            losses = self._generator_losses(batch, generated, progress, adversarial_phase)
            gradient = balance_gradients(losses, generated) * self.accelerator.num_processes
            self.accelerator.backward(generated, gradient=gradient)
            pitch = self._pitch_loss(batch)
            if pitch is not None:
                self.accelerator.backward(self.accelerator.num_processes * recipe.pitch_weight * pitch)
            values = {key: loss for key, (_, loss) in losses.items()} | ({} if pitch is None else {"pitch": pitch})
            for key, value in values.items():
                metrics[key] = metrics.get(key, 0.0) + value.item() / len(batches)
        norm = self._apply(self.generator, self.generator_optimizer, rate, 10.0)
        self.average.update_parameters(self.accelerator.unwrap_model(self.generator))
        frames = float(len(batches) * size * recipe.segment_frames)
        facts = {"loss": metrics["spectral"], "gradient_norm": norm, "learning_rate": rate, "frames": frames}
        return metrics | facts

    def _batch(self, step: int, size: int, micro_batch: int) -> SegmentBatch:
        batch = self.segments.batch(step, size, part_of_step(self.accelerator, micro_batch))
        return SegmentBatch(batch.log_mel.to(self.accelerator.device), batch.waveform.to(self.accelerator.device))

    def _generate(self, batch: SegmentBatch) -> Tensor:
        with self._autocast():
            waveform: Tensor = self.generator(batch.log_mel).float()
        return waveform

    def _generator_losses(
        self, batch: SegmentBatch, generated: Tensor, progress: float, adversarial_phase: bool
    ) -> dict[str, tuple[float, Tensor]]:
        """Return the weight and value of every loss of the generator."""
        recipe = self.recipe
        losses = {"spectral": (recipe.spectral_weight, self._spectral(generated, batch.waveform))}
        if recipe.phase_weight > 0:
            losses["phase"] = (recipe.phase_weight, self.phase(generated, batch.waveform))
        if adversarial_phase:
            ramp = min(1.0, (progress - recipe.adversarial_from) / max(recipe.adversarial_ramp, 1e-9))
            adversarial, features = self._adversarial_losses(batch.waveform, generated)
            losses["adversarial"] = (ramp * recipe.adversarial_weight, adversarial)
            losses["features"] = (ramp * recipe.feature_weight, features)
        return losses

    def _pitch_loss(self, batch: SegmentBatch) -> Tensor | None:
        """Return how far the pitch that the generator reads is from the one measured; None for one that reads none."""
        generator = self.accelerator.unwrap_model(self.generator)
        return pitch_loss(generator, batch) if isinstance(generator, SourceFilter) else None

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Measure copy-synthesis of held-out clips: mel L1 (nats) and log-spectral distance (dB)."""
        clips = self.held_out.clips[:: max(1, len(self.held_out.clips) // self.recipe.evaluation_clips)]
        device = self.accelerator.device
        mel_distances, spectral_distances = [], []
        for clip in clips:
            real = self.held_out.audio(clip)[None].to(device)
            made = self.average.module(self.mel.log_mel(real))[:, : real.shape[1]]
            mel_distances.append(self.mel(made, real).item())
            spectral_distances.append(log_spectral_distance(made, real).item())
        return {
            "mel_l1": sum(mel_distances) / len(clips),
            "log_spectral_distance_db": sum(spectral_distances) / len(clips),
        }

    @torch.no_grad()
    def samples(self, step: int) -> list[Sample]:
        """Return a held-out clip as it is and through the averaged generator."""
        mel, device = self.mel.log_mel, self.accelerator.device
        real = self.held_out.audio(self.held_out.clips[0])[None, : SAMPLE_SECONDS * mel.config.sample_rate_hz].to(
            device
        )
        made = self.average.module(mel(real))[:, : real.shape[1]]
        rate_hz = mel.config.sample_rate_hz
        named = (("real", real), ("copy-synthesis", made))
        return [Sample(name, mel(audio)[0], audio[0], rate_hz) for name, audio in named]

    def export_networks(self) -> dict[str, nn.Module]:
        """Return the averaged generator."""
        return {"vocoder": self.average.module}

    def _learning_rate(self, step: int, progress: float) -> float:
        decay = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.recipe.learning_rate * decay * min(1.0, (step + 1) / max(1, self.recipe.warmup_steps))

    def _autocast(self) -> torch.autocast:
        device = self.accelerator.device.type
        return autocast(device, self.recipe.precision == "bf16")

    def _spectral(self, generated: Tensor, real: Tensor) -> Tensor:
        return self.spectral(generated, real) + self.mel(generated, real)

    def _train_discriminators(self, batches: list[SegmentBatch], made: list[Tensor], rate: float) -> float:
        """Take one step of the discriminators; waveforms that are not yet made are made here, without a graph."""
        self.discriminators.requires_grad_(True)
        self.discriminator_optimizer.zero_grad()
        total = 0.0
        for number in micro_batches(self.accelerator, self.discriminators, len(batches)):
            batch = batches[number]
            with torch.no_grad():
                generated = (made[number] if made else self._generate(batch)).detach()
            with self._autocast():
                scores, _ = self.discriminators(torch.cat([batch.waveform, generated]))
            halves = [score.chunk(2) for score in scores]
            loss = discriminator_loss([real for real, _ in halves], [generated for _, generated in halves])
            self.accelerator.backward(loss * self.accelerator.num_processes)
            total += loss.item() / len(batches)
        self._apply(self.discriminators, self.discriminator_optimizer, rate * self.recipe.discriminator_rate_factor)
        return total

    def _adversarial_losses(self, real: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
        """Return the adversarial and feature-matching losses of the generator; the discriminators get no gradients."""
        discriminators = self.accelerator.unwrap_model(self.discriminators).requires_grad_(False)
        with self._autocast():
            scores, generated_layers = discriminators(generated)
            with torch.no_grad():
                _, real_layers = discriminators(real)
        return adversarial_loss(scores), feature_matching_loss(real_layers, generated_layers)

    def _apply(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, rate: float, max_norm: float | None = None
    ) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate
        return apply_gradients(self.accelerator, module.parameters(), optimizer, max_norm)
