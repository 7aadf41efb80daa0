"""One optimiser step from the gradients that the micro-batches of all processes have added up."""

import math
from collections.abc import Iterable

from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer


def apply_gradients(
    accelerator: Accelerator, parameters: Iterable[nn.Parameter], optimizer: Optimizer, max_norm: float | None = None
) -> float:
    """Clip, step and clear; a step whose gradient is not finite is not taken, so that the weights stay good.

    Returns:
        the gradient's norm before clipping; the loop stops where it is not finite many times in a row.
    """
    norm = float(accelerator.clip_grad_norm_(parameters, math.inf if max_norm is None else max_norm))
    if math.isfinite(norm):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm
