"""Flow matching: the diffusion's U-Net on a straight line from noise to the mel (arXiv 2210.02747).

B batch, T frames, M mel bins. x_t = (1 - s) x0 + s eps, with the share of noise s = (t + 1) / timesteps.
"""

from itertools import pairwise

from torch import Tensor

from undertone.engine.network.decoder import solvers
from undertone.engine.network.decoder.diffusion import Diffusion, SolverSettings
from undertone.engine.network.layers.basic import apply_mask
from undertone.engine.noise import NormalNoise


class FlowMatching(Diffusion):
    """Prediction of the line's velocity eps - x0; sampling follows it in even steps."""

    def predict_x0(self, x: Tensor, t: Tensor, output: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the x0 [B, T, M] at the end of the line, clamped to the range of the scaled mel."""
        return apply_mask((x - self._share(t) * output).clamp(*self.config.clamp_range), mask)

    def target(self, x0: Tensor, t: Tensor, eps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the velocity that the network should output, [B, T, M]."""
        return apply_mask(eps - x0, mask)

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the point of the line at t, one for each item."""
        share = self._share(t)
        return apply_mask((1 - share) * x0 + share * eps, mask)

    def _noise(self, x: Tensor, t: Tensor, output: Tensor, mask: Tensor | None) -> Tensor:
        return apply_mask(x + (1 - self._share(t)) * output, mask)

    def _share(self, t: Tensor) -> Tensor:
        """Return the share of noise at t int64 [B], [B, 1, 1]."""
        return ((t + 1) / self.config.timesteps)[:, None, None]

    def _solve(
        self, predict: solvers.Predictor, x: Tensor, mask: Tensor | None, noise: NormalNoise, asked: SolverSettings
    ) -> Tensor:
        """Take `steps` even steps of Euler's method towards the clamped x0; the solvers of diffusion change nothing."""
        x0 = x
        for t, following in pairwise(solvers.dense_timesteps(asked.steps, self.config.timesteps, power=1.0)):
            x0, _ = predict(x, t)
            x = x0 + (following + 1) / (t + 1) * (x - x0)
        return x0
