"""Student of the diffusion decoder: one to a few evaluations of the network for a mel, guidance baked in.

It goes from noise to mel in the steps of a deterministic solver, x' = signal' x0 + noise' eps with x0 and eps of the
network's velocity v (arXiv 2202.00512); trained by distillation (train/student). B batch, T frames, M mel bins,
C condition dims. x0 is the normalised mel divided by the decoder's `input_scale`.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from undertone.engine.config import ModelConfig, StudentConfig
from undertone.engine.network.decoder.diffusion import Diffusion
from undertone.engine.network.decoder.solvers import dense_timesteps
from undertone.engine.network.layers.basic import apply_mask
from undertone.engine.noise import NormalNoise


class Student(nn.Module):
    """Network of the decoder with weights of its own, which always predicts the velocity.

    Args:
        config: of the model whose decoder is the teacher.
        student: its steps, and the guidance of the teacher that it follows.
    """

    def __init__(self, config: ModelConfig, student: StudentConfig) -> None:
        super().__init__()
        self.config = student
        decoder = config.decoder.model_copy(update={"prediction": "velocity", "guidance": 1.0})
        self.decoder = Diffusion(config.model_copy(update={"decoder": decoder}))
        self.timesteps = dense_timesteps(student.steps, decoder.timesteps, decoder.solver_power)

    def forward(
        self,
        start: Tensor,
        condition: Tensor,
        mask: Tensor | None = None,
        before_step: Callable[[], None] | None = None,
        given: Tensor | None = None,
    ) -> list[Tensor]:
        """Return x_t [B, T, M] after each step from N(0, 1) noise of that shape; the last is x0, not clamped.

        Args:
            start: N(0, 1) [B, T, M].
            condition: [B, T, C].
            mask: bool [B, T] or None.
            before_step: called before every evaluation of the network; what it raises ends the call.
            given: [K - 1, B, T, M], where the steps behind the first begin, in training; None: where the one before
                ended.
        """
        projected = self.decoder.unet.project(condition, mask)
        x, states = apply_mask(start, mask), []
        for t, following in pairwise(self.timesteps):
            if before_step is not None:
                before_step()
            times = torch.full((len(x),), t, device=x.device)
            x = self.turn(x, self.decoder.unet.denoise(x, times, projected, mask), t, following)
            states.append(x)
            if given is not None and len(states) <= len(given):
                x = given[len(states) - 1]
        return states

    def turn(self, x: Tensor, velocity: Tensor, t: int, following: int) -> Tensor:
        """Return x at the timestep `following`, -1 for the clean signal, from x_t and its velocity, [B, T, M]."""
        here, there = self._angle(t), self._angle(following)
        along = here[0] * there[0] + here[1] * there[1]
        across = here[0] * there[1] - here[1] * there[0]
        return along * x + across * velocity

    def between(self, clean: Tensor, noise: Tensor, t: int) -> Tensor:
        """Return x at a timestep, -1 for the clean signal, on the arc from a clean signal to noise, [B, T, M]."""
        signal, share = self._angle(t)
        return signal * clean + share * noise

    def velocity_to(self, x: Tensor, target: Tensor, t: int, following: int) -> Tensor:
        """Return the velocity [B, T, M] that takes x_t to `target` at the timestep `following`: undoes `turn`."""
        here, there = self._angle(t), self._angle(following)
        along = here[0] * there[0] + here[1] * there[1]
        across = here[0] * there[1] - here[1] * there[0]
        return (target - along * x) / across

    def _angle(self, t: int) -> tuple[float, float]:
        """Return signal and noise at a timestep; -1 is the clean signal."""
        schedule = self.decoder.schedule
        return (1.0, 0.0) if t < 0 else (schedule.at("signal", t), schedule.at("noise", t))

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        mask: Tensor | None,
        noise: NormalNoise,
        before_step: Callable[[], None] | None = None,
    ) -> Tensor:
        """Sample the normalised mel float32 [B, T, M] for a condition [B, T, C]; only the start is drawn.

        Args:
            mask: bool [B, T] or None.
            noise: source of the start.
            before_step: called before every evaluation of the network; what it raises ends the call.
        """
        start = noise.normal(*condition.shape[:2], self.decoder.num_mels)
        x0 = self(start, condition, mask, before_step)[-1]
        teacher = self.decoder.config
        return apply_mask(x0.clamp(*teacher.clamp_range), mask) * teacher.input_scale
