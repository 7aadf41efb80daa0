"""Diffusion decoder: tokens, latents and the utterance embedding to a mel spectrogram (spec section 3.8).

B batch, T frames, M mel bins, C condition dims. x0 is the normalised mel divided by `input_scale`.
"""

from collections.abc import Callable
from typing import NamedTuple, get_args

import torch
from torch import Tensor, nn

from undertone.engine.config import DiffusionSolver, ModelConfig
from undertone.engine.errors import SettingsError
from undertone.engine.network.decoder import solvers
from undertone.engine.network.decoder.schedule import Schedule
from undertone.engine.network.decoder.unet import UNet
from undertone.engine.network.layers.basic import apply_mask
from undertone.engine.noise import NormalNoise


class SolverSettings(NamedTuple):
    """How a mel is to be sampled; a kind of decoder disregards what it has no use for."""

    solver: DiffusionSolver
    steps: int  # network evaluations
    eta: float  # share of fresh noise of "ddim"


class Diffusion(nn.Module):
    """Prediction of noise or velocity in training, one of three solvers in sampling."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config.decoder
        self.num_mels = config.mel.num_mels
        self.token_dim = config.token_dim
        self.unet = UNet(config)
        self.schedule = Schedule(config.decoder)

    def raw(self, x: Tensor, t: Tensor, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the network's output [B, T, M] for x_t [B, T, M] at t int64 [B]: noise or velocity, as configured."""
        return self.unet(x, t, condition, mask)

    def denoise(self, x: Tensor, t: Tensor, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """Predict the noise [B, T, M] in x_t [B, T, M] at t int64 [B], given the condition [B, T, C]."""
        return self._noise(x, t, self.raw(x, t, condition, mask), mask)

    def predict_x0(self, x: Tensor, t: Tensor, output: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the x0 [B, T, M] that x_t and the network's output imply, clamped to the range of the scaled mel."""
        if self.config.prediction == "velocity":
            x0 = self._table("signal", t) * x - self._table("noise", t) * output
        else:
            x0 = self._table("recip", t) * x - self._table("recip_minus_one", t) * output
        return apply_mask(apply_mask(x0, mask).clamp(*self.config.clamp_range), mask)

    def target(self, x0: Tensor, t: Tensor, eps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what the network should output for the clean x0 and the noise mixed into it, [B, T, M]."""
        if self.config.prediction == "velocity":
            return apply_mask(self._table("signal", t) * eps - self._table("noise", t) * x0, mask)
        return apply_mask(eps, mask)

    def _noise(self, x: Tensor, t: Tensor, output: Tensor, mask: Tensor | None) -> Tensor:
        if self.config.prediction == "velocity":
            return apply_mask(self._table("noise", t) * x + self._table("signal", t) * output, mask)
        return output

    def _table(self, name: str, t: Tensor) -> Tensor:
        """Return one entry of a schedule table for each item, [B, 1, 1]."""
        table: Tensor = getattr(self.schedule, name)
        return table[t][:, None, None]

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the noised x_t [B, T, M] from the clean x0 and N(0, 1) noise, one t per item."""
        signal, level = self.schedule.signal[t][:, None, None], self.schedule.noise[t][:, None, None]
        return apply_mask(signal * x0 + level * eps, mask)

    def null_condition(self, condition: Tensor) -> Tensor:
        """Return the null condition [B, T, C] of guidance: the utterance kept, tokens and latents set to zero."""
        return torch.cat([torch.zeros_like(condition[..., : self.token_dim]), condition[..., self.token_dim :]], dim=-1)

    def scale(self, mel: Tensor) -> Tensor:
        """Convert normalised mel to x0."""
        return mel / self.config.input_scale

    def predictor(
        self,
        condition: Tensor,
        mask: Tensor | None,
        guidance: float | None = None,
        before_step: Callable[[], None] | None = None,
    ) -> solvers.Predictor:
        """Return what solvers ask for clamped x0 and noise, given x_t and t; arguments as of `sample`."""
        guidance = self.config.guidance if guidance is None else guidance
        guided = guidance != 1.0
        rescale = guided and self.config.guidance_rescale > 0.0
        seen = torch.cat([condition, self.null_condition(condition)]) if guided else condition
        seen_mask = torch.cat([mask, mask]) if guided and mask is not None else mask
        projected = self.unet.project(seen, seen_mask)

        def predict(x: Tensor, t: int) -> tuple[Tensor, Tensor]:
            if before_step is not None:
                before_step()
            steps_now = torch.full((len(x),), t, device=x.device)
            if guided:
                pair = self.unet.denoise(torch.cat([x, x]), torch.cat([steps_now, steps_now]), projected, seen_mask)
                conditional, unconditional = pair.chunk(2)
                output = unconditional + guidance * (conditional - unconditional)
                if rescale:
                    x0 = self._rescaled(x, steps_now, output, conditional, mask)
                    return x0, self._noise_beside(x, steps_now, x0, mask)
            else:
                output = self.unet.denoise(x, steps_now, projected, mask)
            return self.predict_x0(x, steps_now, output, mask), self._noise(x, steps_now, output, mask)

        return predict

    def _rescaled(self, x: Tensor, t: Tensor, guided: Tensor, conditional: Tensor, mask: Tensor | None) -> Tensor:
        """Return the guided x0 [B, T, M] whose mean and spread over a take are taken back towards the conditional's.

        Args:
            guided: the network's output [B, T, M], after guidance.
            conditional: the same before it.
        """
        x0, origin = (self.predict_x0(x, t, output, mask) for output in (guided, conditional))
        real = torch.ones_like(x0) if mask is None else apply_mask(torch.ones_like(x0), mask)
        (mean, spread), (origin_mean, origin_spread) = _moments(x0, real), _moments(origin, real)
        rescaled = (x0 - mean) * (origin_spread / spread.clamp_min(1e-6)) + origin_mean
        return apply_mask(torch.lerp(x0, rescaled, self.config.guidance_rescale), mask)

    def _noise_beside(self, x: Tensor, t: Tensor, x0: Tensor, mask: Tensor | None) -> Tensor:
        """Return the noise [B, T, M] that x_t holds beside an x0."""
        return apply_mask((x - self._table("signal", t) * x0) / self._table("noise", t), mask)

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        mask: Tensor | None,
        noise: NormalNoise,
        solver: DiffusionSolver = "ddim",
        steps: int = 100,
        eta: float = 0.5,
        start: Tensor | None = None,
        before_step: Callable[[], None] | None = None,
        guidance: float | None = None,
    ) -> Tensor:
        """Sample the normalised mel for a condition.

        Args:
            condition: [B, T, C].
            mask: bool [B, T] or None.
            noise: source of the start noise and, for "ddim" and "ancestral", of the noise of every step.
            solver: "ddim" and "ancestral" are the published samplers, "dpm++" is the fast one.
            steps: network evaluations; "ancestral" always takes all timesteps.
            eta: DDIM's share of fresh noise; 0 is deterministic.
            start: N(0, 1) [B, T, M] to begin with instead of a draw.
            before_step: called before every evaluation of the network; what it raises ends the call.
            guidance: instead of the configured one; the network is evaluated on twice the batch unless it is 1.
        Returns:
            Normalised mel float32 [B, T, M].
        Raises:
            SettingsError: an unknown solver or a number of steps that it does not take.
        """
        if solver not in get_args(DiffusionSolver):
            raise SettingsError(f"solver is {solver!r}; it must be one of {', '.join(get_args(DiffusionSolver))}")
        x = noise.normal(*condition.shape[:2], self.num_mels) if start is None else start
        x = apply_mask(x, mask)
        predict = self.predictor(condition, mask, guidance, before_step)
        return self._solve(predict, x, mask, noise, SolverSettings(solver, steps, eta)) * self.config.input_scale

    def _solve(
        self, predict: solvers.Predictor, x: Tensor, mask: Tensor | None, noise: NormalNoise, asked: SolverSettings
    ) -> Tensor:
        """Return x0 from the start noise x, both [B, T, M]."""
        if asked.solver == "ddim":
            return solvers.ddim(predict, x, self.schedule, mask, noise, asked.steps, asked.eta)
        if asked.solver == "ancestral":
            return solvers.ancestral(predict, x, self.schedule, mask, noise)
        return solvers.dpm_solver(predict, x, self.schedule, mask, asked.steps, self.config.solver_power)


def _moments(x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation [B, 1, 1] of the entries of [B, T, M] where `real` is 1."""
    count = real.sum((1, 2), keepdim=True).clamp_min(1.0)
    mean = (x * real).sum((1, 2), keepdim=True) / count
    return mean, (((x - mean) * real).square().sum((1, 2), keepdim=True) / count).sqrt()
