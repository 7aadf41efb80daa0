"""ConvNeXt-like residual stack used by the posterior encoder and the U-Net. B batch, T frames, C channels."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from undertone.engine.network.layers.basic import ChannelNorm, apply_mask
from undertone.engine.network.layers.depthwise import DepthwiseConv

Activation = Callable[[Tensor], Tensor]


class ConvBlock(nn.Module):
    """Depth-wise convolution, norm, expansion, activation, projection, residual (spec section 2.1).

    Args:
        channels: C.
        hidden_channels: width after the expansion.
        kernel_size: of the depth-wise convolution.
        activation: after the expansion, and on the time embedding.
        norm_eps: of the channel norm.
        anticausal: look ahead instead of back.
        condition_dim: channels concatenated after the norm, 0 for none.
        time_dim: width of the time embedding, 0 for none.
    """

    def __init__(
        self,
        channels: int,
        hidden_channels: int,
        kernel_size: int,
        activation: Activation,
        norm_eps: float,
        anticausal: bool = False,
        condition_dim: int = 0,
        time_dim: int = 0,
    ) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(channels, kernel_size, anticausal)
        self.norm = ChannelNorm(channels, norm_eps)
        self.expand = nn.Linear(channels + condition_dim, hidden_channels)
        self.project = nn.Linear(hidden_channels, channels)
        self.time = nn.Linear(time_dim, channels) if time_dim else None
        self.conditioned = condition_dim > 0
        self.activation = activation

    def forward(self, x: Tensor, condition: Tensor | None = None, time: Tensor | None = None) -> Tensor:
        """Transform [B, T, C], given the condition [B, T, condition_dim] and the time embedding [B, time_dim]."""
        h = self.depthwise(x)
        if self.time is not None and time is not None:
            h = h + self.time(self.activation(time)).unsqueeze(1)
        h = self.norm(h)
        if self.conditioned and condition is not None:
            h = torch.cat([h, condition.to(h.dtype)], dim=-1)
        return x + self.project(self.activation(self.expand(h)))


class ConvStack(nn.Module):
    """Input projection, blocks with optional skip fusions, norm, output projection (spec section 2.2).

    Only the two projections are masked: inside, padding frames carry values and, where a block looks ahead,
    reach the last real frames, as in the published model.
    """

    def __init__(
        self,
        in_dim: int,
        channels: int,
        out_dim: int,
        hidden_channels: Sequence[int],
        kernel_size: int,
        activation: Activation,
        norm_eps: float,
        conditioned: Sequence[bool] | None = None,
        skips: Sequence[int | None] | None = None,
        first_anticausal_block: int | None = None,
        condition_dim: int = 0,
        time_dim: int = 0,
    ) -> None:
        super().__init__()
        count = len(hidden_channels)
        conditioned = conditioned or (False,) * count
        self.skips = tuple(skips or (None,) * count)
        turn = count if first_anticausal_block is None else first_anticausal_block
        self.input = nn.Linear(in_dim, channels)
        self.blocks = nn.ModuleList(
            ConvBlock(
                channels,
                hidden,
                kernel_size,
                activation,
                norm_eps,
                anticausal=i >= turn,
                condition_dim=condition_dim if conditioned[i] else 0,
                time_dim=time_dim,
            )
            for i, hidden in enumerate(hidden_channels)
        )
        self.fusions = nn.ModuleDict(
            {str(i): nn.Linear(2 * channels, channels) for i, skip in enumerate(self.skips) if skip is not None}
        )
        self.norm = ChannelNorm(channels, norm_eps)
        self.output = nn.Linear(channels, out_dim)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        condition: Tensor | None = None,
        time: Tensor | None = None,
    ) -> Tensor:
        """Map [B, T, in_dim] to [B, T, out_dim], zero where the mask is False."""
        x = apply_mask(self.input(x), mask)
        records = [x]
        for i, block in enumerate(self.blocks):
            x = block(x, condition, time)
            skip = self.skips[i]
            if skip is not None:
                x = self.fusions[str(i)](torch.cat([x, records[skip]], dim=-1))
            records.append(x)
        return apply_mask(self.output(self.norm(x)), mask)
