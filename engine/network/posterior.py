"""The posterior encoder: the latent of every frame given its mel (spec section 2.2). B batch, T frames, Z dims."""

import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.gaussian import Gaussian, GaussianHead
from undertone.engine.network.layers.conv_stack import ConvStack


class PosteriorEncoder(nn.Module):
    """q(z | mel): causal convolutions to a Z-dimensional bottleneck, then the Gaussian head (spec section 3.1).

    Mean and log-std both read the masked Z-dimensional bottleneck; at padding they are the head's biases.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        encoder = config.encoder
        self.stack = ConvStack(
            in_dim=config.mel.num_mels,
            channels=encoder.channels,
            out_dim=config.latent_dim,
            hidden_channels=encoder.hidden_channels,
            kernel_size=encoder.kernel_size,
            activation=F.relu,
            norm_eps=encoder.norm_eps,
        )
        self.head = GaussianHead(config.latent_dim, config.latent_dim)

    def forward(self, mel: Tensor, mask: Tensor | None = None) -> Gaussian:
        """Return the posterior of every frame of a normalised mel [B, T, M]."""
        return self.head(self.stack(mel.to(self.stack.input.weight.dtype), mask))
