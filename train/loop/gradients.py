"""Gradients of one optimiser step, summed over the micro-batches of all processes."""

import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext

from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer


def micro_batches(accelerator: Accelerator, module: nn.Module, count: int) -> Iterator[int]:
    """Yield the number of each micro-batch of a step; processes exchange the gradients of `module` at the last one.

    Gradients are averaged over processes, so a loss is multiplied by their number to be summed.
    """
    for number in range(count):
        with nullcontext() if number == count - 1 else accelerator.no_sync(module):
            yield number


def part_of_step(accelerator: Accelerator, micro_batch: int) -> int:
    """Return which of a step's parts a micro-batch of this process is, counted over all processes.

    Micro-batch m of process r of R is part m R + r, so that two processes with one micro-batch each train on the same
    parts as one process with two.
    """
    return micro_batch * accelerator.num_processes + accelerator.process_index


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
