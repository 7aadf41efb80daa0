"""Direct regression of the mel: the diffusion's U-Net without noise, evaluated once (arXiv 2506.14767, "Check 2").

B batch, T frames, M mel bins, C condition dims.
"""

import torch
from torch import Tensor

from undertone.engine.network.decoder import solvers
from undertone.engine.network.decoder.diffusion import Diffusion, SolverSettings
from undertone.engine.network.layers.basic import apply_mask
from undertone.engine.noise import NormalNoise


class Regression(Diffusion):
    """Prediction of the mel itself from the condition alone, by the L1 error: the median of what it could be."""

    def raw(self, x: Tensor, t: Tensor, condition: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the network's output [B, T, M], the scaled mel; there is only one timestep."""
        return self.unet(x, torch.zeros_like(t), condition, mask)

    def predict_x0(self, x: Tensor, t: Tensor, output: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the network's output, clamped to the range of the scaled mel."""
        return apply_mask(output.clamp(*self.config.clamp_range), mask)

    def target(self, x0: Tensor, t: Tensor, eps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what the network should output: x0."""
        return apply_mask(x0, mask)

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what the network sees of the mel: nothing."""
        return torch.zeros_like(x0)

    def _noise(self, x: Tensor, t: Tensor, output: Tensor, mask: Tensor | None) -> Tensor:
        return torch.zeros_like(x)

    def _solve(
        self, predict: solvers.Predictor, x: Tensor, mask: Tensor | None, noise: NormalNoise, asked: SolverSettings
    ) -> Tensor:
        """Evaluate the network once; solver, steps and noise change nothing."""
        return predict(torch.zeros_like(x), 0)[0]
