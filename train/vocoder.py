"""The vocoder stage: a long cheap phase on spectral losses, then adversarial steps with narrow discriminators."""

import math
from pathlib import Path

import torch
import yaml
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from engine.vocoders import build_vocoder
from train.discriminators import Discriminators
from train.loop import Budget, Clock, checkpoints, run
from train.prepare import PreparedCorpus
from train.segments import SegmentBatch, Segments
from train.vocoder_losses import (
    MelLoss,
    SpectralLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    log_spectral_distance,
)
from train.vocoder_recipe import VocoderRecipe, load_vocoder_recipe


def balanced_gradient(losses: dict[str, tuple[float, Tensor]], generated: Tensor) -> Tensor:
    """Gradient at the waveform in which each (weight, loss) has its share, whatever its scale (arXiv 2210.13438)."""
    total = torch.zeros_like(generated)
    for weight, loss in losses.values():
        (gradient,) = torch.autograd.grad(loss, generated, retain_graph=True)
        norm = gradient.flatten(1).norm(dim=1).mean().clamp_min(1e-12)
        total = total + weight / norm * gradient
    return total / sum(weight for weight, _ in losses.values())


class VocoderStage:
    """Generator, discriminators, their optimisers and data, for `train.loop.run`."""

    name = "vocoder"

    def __init__(self, recipe: VocoderRecipe, prepared: Path, accelerator: Accelerator) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        torch.manual_seed(recipe.seed)
        generator = build_vocoder(recipe.generator)
        judges = recipe.discriminators
        discriminators = Discriminators(judges.periods, judges.period_width, judges.n_ffts, judges.resolution_width)
        self.generator, self.discriminators, self.generator_optimizer, self.discriminator_optimizer = (
            accelerator.prepare(
                generator,
                discriminators,
                torch.optim.AdamW(generator.parameters(), recipe.learning_rate, recipe.betas, weight_decay=1e-3),
                torch.optim.AdamW(discriminators.parameters(), recipe.learning_rate, recipe.betas, weight_decay=1e-3),
            )
        )
        self.average = AveragedModel(generator, avg_fn=self._average)
        accelerator.register_for_checkpointing(self.average)
        mel = recipe.generator.mel
        self.spectral = SpectralLoss().to(accelerator.device)
        self.mel = MelLoss(mel).to(accelerator.device)
        corpus = PreparedCorpus(prepared, "train", mel)
        self.segments = Segments(corpus, mel, recipe.segment_frames, recipe.gain_db, recipe.seed)
        self.held_out = PreparedCorpus(prepared, "dev", mel)

    def step(self, step: int, progress: float) -> dict[str, float]:
        """One step of the generator and, in the adversarial phase, one of the discriminators before it."""
        adversarial_phase = progress >= self.recipe.adversarial_from
        size = self.recipe.adversarial_batch if adversarial_phase else self.recipe.batch
        loaded = self.segments.batch(step, size, self.accelerator.process_index)
        device = self.accelerator.device
        batch = SegmentBatch(loaded.log_mel.to(device), loaded.waveform.to(device))
        rate = self._learning_rate(step, progress)
        with self._autocast():
            generated = self.generator(batch.log_mel).float()
        losses = {"spectral": (self.recipe.spectral_weight, self._spectral(generated, batch.waveform))}
        metrics = {}
        if adversarial_phase:
            metrics["discriminator"] = self._train_discriminators(batch.waveform, generated.detach(), rate)
            ramp = min(1.0, (progress - self.recipe.adversarial_from) / max(self.recipe.adversarial_ramp, 1e-9))
            adversarial, features = self._judge(batch.waveform, generated)
            losses["adversarial"] = (ramp * self.recipe.adversarial_weight, adversarial)
            losses["features"] = (ramp * self.recipe.feature_weight, features)
        self.generator_optimizer.zero_grad()
        self.accelerator.backward(generated, gradient=balanced_gradient(losses, generated))
        norm = self.accelerator.clip_grad_norm_(self.generator.parameters(), 10.0)
        self._apply(self.generator_optimizer, rate)
        self.average.update_parameters(self.accelerator.unwrap_model(self.generator))
        metrics |= {key: loss.item() for key, (_, loss) in losses.items()}
        return metrics | {"loss": metrics["spectral"], "gradient_norm": float(norm), "learning_rate": rate}

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Copy-synthesis of held-out clips by the averaged generator: mel L1 (nats) and log-spectral distance (dB)."""
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

    def averaged(self) -> dict[str, nn.Module]:
        """The averaged generator."""
        return {"vocoder": self.average.module}

    def _average(self, average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        """Exponential average whose horizon grows with the run, so that the random start is soon forgotten."""
        decay = min(self.recipe.average_decay, (1 + int(count)) / (10 + int(count)))
        return average.lerp(current, 1 - decay)

    def _learning_rate(self, step: int, progress: float) -> float:
        decay = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.recipe.learning_rate * decay * min(1.0, (step + 1) / max(1, self.recipe.warmup_steps))

    def _autocast(self) -> torch.autocast:
        device = self.accelerator.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _spectral(self, generated: Tensor, real: Tensor) -> Tensor:
        return self.spectral(generated, real) + self.mel(generated, real)

    def _train_discriminators(self, real: Tensor, generated: Tensor, rate: float) -> float:
        self.discriminators.requires_grad_(True)
        with self._autocast():
            scores, _ = self.discriminators(torch.cat([real, generated]))
        halves = [score.chunk(2) for score in scores]
        loss = discriminator_loss([real for real, _ in halves], [generated for _, generated in halves])
        self.discriminator_optimizer.zero_grad()
        self.accelerator.backward(loss)
        self._apply(self.discriminator_optimizer, rate * self.recipe.discriminator_rate_factor)
        return loss.item()

    def _judge(self, real: Tensor, generated: Tensor) -> tuple[Tensor, Tensor]:
        """Adversarial and feature-matching losses of the generator; the discriminators need no gradients."""
        judges = self.accelerator.unwrap_model(self.discriminators).requires_grad_(False)
        with self._autocast():
            scores, generated_layers = judges(generated)
            with torch.no_grad():
                _, real_layers = judges(real)
        return adversarial_loss(scores), feature_matching_loss(real_layers, generated_layers)

    def _apply(self, optimizer: torch.optim.Optimizer, rate: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()


def train_vocoder(recipe: VocoderRecipe, prepared: Path, out: Path, *, cpu: bool = False) -> Clock:
    """Train or resume a vocoder run and write `out/vocoder.safetensors` (averaged weights, float32) at its end.

    Args:
        prepared: folder that `train.prepare.prepare` wrote.
        out: folder of the run; its `recipe.yaml` is what was run.
        cpu: train on the CPU even where there is an accelerator.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    accelerator = Accelerator(cpu=cpu)
    stage = VocoderStage(recipe, prepared, accelerator)
    budget = Budget(steps=recipe.steps, minutes=None if recipe.steps is not None else recipe.minutes)
    clock = run(stage, out, budget, accelerator, seed=recipe.seed)
    if accelerator.is_main_process:
        save_file(stage.averaged()["vocoder"].state_dict(), str(out / "vocoder.safetensors"))
    return clock


def newest_vocoder(out: Path) -> tuple[nn.Module, int]:
    """The averaged generator in the newest checkpoint of a run, finished or not, and its step."""
    newest = checkpoints(out)[-1]
    recipe = load_vocoder_recipe(out / "recipe.yaml")
    # The average is the first object that the stage registers with the accelerator.
    state = torch.load(newest / "custom_checkpoint_0.pkl", map_location="cpu", weights_only=True)
    vocoder = build_vocoder(recipe.generator)
    prefix = "module."
    vocoder.load_state_dict({key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)})
    return vocoder.eval(), int(newest.name.split("-")[1])
