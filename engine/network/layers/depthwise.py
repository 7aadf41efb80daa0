"""Depth-wise convolution over time on [B, T, C], written for speed on a CPU. B batch, T frames, C channels, K taps."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DepthwiseConv(nn.Module):
    """One filter per channel with all its zero padding on one side (spec section 2.1).

    Args:
        channels: C.
        kernel_size: K, odd; the padding is K - 1 frames.
        anticausal: False looks back (padding on the left), True looks ahead.
    """

    def __init__(self, channels: int, kernel_size: int, anticausal: bool = False) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}; it must be odd, or the frames would become fewer")
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size))
        self.bias = nn.Parameter(torch.zeros(channels))
        bound = kernel_size**-0.5  # torch's default for a convolution with fan-in K
        nn.init.uniform_(self.weight, -bound, bound)
        self.padding = (0, kernel_size - 1) if anticausal else (kernel_size - 1, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve [B, T, C] over time; returns [B, T, C]."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        padded = F.pad(x.to(dtype), (0, 0, *self.padding))
        return _DepthwiseTime.apply(padded, self.weight.to(dtype)) + self.bias.to(dtype)


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve [B, T, C] depth-wise without padding; seen as a channels-last picture one row high."""
    picture = x.transpose(1, 2).unsqueeze(2)  # [B, C, 1, T] without a copy
    return F.conv2d(picture, weight.unsqueeze(2), groups=weight.shape[0]).squeeze(2).transpose(1, 2)


class _DepthwiseTime(torch.autograd.Function):
    """Convolution of padded frames whose gradients avoid the library's slow paths for depth-wise filters on a CPU.

    Measured for [8, 400, 256] and 7 taps, one thread, forward + backward: library 8.0 to 9.6 ms, this 2.6 to 4.6 ms.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolve(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        num_taps, num_frames = weight.shape[2], gradient.shape[1]
        reach = num_taps - 1
        to_input = _convolve(F.pad(gradient, (0, 0, reach, reach)), weight.flip(2))
        taps = [(x[:, k : k + num_frames] * gradient).sum((0, 1)) for k in range(num_taps)]
        return to_input, torch.stack(taps, dim=1).unsqueeze(1)
