"""How many threads a model is worth on a CPU."""

import os

import torch

from undertone.engine.engine import Engine
from undertone.engine.network.compiled.step import SMALL_PARAMETERS


def limit_threads(engine: Engine) -> int:
    """Give this process one thread of torch where the model is small; returns the number in force.

    A frame of the demo bundle takes about a millisecond: two threads spend more on meeting each other than they save
    (measured: 10 s of speech in 2.2 s with one, 3.5 s with two), and with one thread no sum is split differently when
    the machine is busy. It is for programs to call, as `undertone serve` does: the setting is the whole process's.
    An `OMP_NUM_THREADS` in the environment, a large model or a GPU leave everything as it is.
    """
    parameters = sum(parameter.numel() for parameter in engine.bundle.model.parameters())
    if engine.device.type == "cpu" and parameters <= SMALL_PARAMETERS and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    return torch.get_num_threads()
