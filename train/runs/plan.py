"""The plan of a run on machines that are not at hand: memory of a process and hours, from counts alone.

Hours are the arithmetic of a step (floating point operations of the forward pass, three times for both passes) at a
share of what the GPUs compute in bfloat16, so they are a reckoning, not a measurement.
"""

from dataclasses import dataclass

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from undertone.engine import SettingsError
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import build_network, forward_pass
from undertone.train.runs.dry_run import (
    GIB,
    count_saved_bytes,
    count_steps,
    empty_windows,
    memory_bytes,
    micro_batch_windows,
    parameters_by_part,
)

USED_SHARE = 1 / 3  # of a GPU's peak: what runs of this size reach without kernels of their own
BOTH_PASSES = 3  # the backward pass takes two forward passes' operations
CPU = torch.device("cpu")


@dataclass(frozen=True)
class GPU:
    """A GPU by its data sheet."""

    memory_bytes: float
    flops: float  # a second, dense bfloat16


GPUS = {
    "a100-40gb": GPU(40e9, 312e12),
    "a100-80gb": GPU(80e9, 312e12),
    "l40s": GPU(48e9, 362e12),
    "h100": GPU(80e9, 989e12),
    "h200": GPU(141e9, 989e12),
}


@dataclass(frozen=True)
class RunPlan:
    """What a run would take; bytes are of one process, which has one GPU."""

    recipe: ModelRecipe
    gpu: str
    num_processes: int
    parameters: int
    memory_bytes: dict[str, int]  # by use
    flops_per_step: float  # over all processes
    frames_per_step: int
    steps: int | None  # None: a budget in minutes, of which no steps follow

    @property
    def total_bytes(self) -> int:
        """Return the memory of a process."""
        return sum(self.memory_bytes.values())

    @property
    def fits(self) -> bool:
        """Return whether a process fits into its GPU."""
        return self.total_bytes <= GPUS[self.gpu].memory_bytes

    @property
    def hours(self) -> float | None:
        """Return the hours of the run, None without a number of steps."""
        if self.steps is None:
            return None
        return self.steps * self.flops_per_step / (self.num_processes * GPUS[self.gpu].flops * USED_SHARE) / 3600

    def lines(self) -> list[str]:
        """Return the plan in lines for people."""
        uses = [f"  {name:20} {count / GIB:>9.2f} GiB" for name, count in self.memory_bytes.items()]
        limit = GPUS[self.gpu].memory_bytes / GIB
        verdict = "fits" if self.fits else "does not fit: take a smaller batch_size, more processes or a larger GPU"
        hours = "" if self.hours is None else f", {self.hours:,.0f} h on {self.num_processes} {self.gpu}"
        steps = "a budget in minutes" if self.steps is None else f"{self.steps:,} steps"
        return [
            f"recipe {self.recipe.name} planned on {self.num_processes} {self.gpu}, a process each",
            f"parameters {self.parameters:,}",
            f"memory a process, counted {self.total_bytes / GIB:.1f} GiB of {limit:.1f}: {verdict}",
            *uses,
            f"frames per step {self.frames_per_step:,}, {self.flops_per_step / 1e12:,.1f} TFLOP",
            f"{steps}{hours}, reckoned at {USED_SHARE:.0%} of the GPU's peak",
        ]


def plan_run(recipe: ModelRecipe, gpu: str, num_processes: int) -> RunPlan:
    """Plan a recipe for so many GPUs; nothing of it is allocated or computed.

    Raises:
        SettingsError: an unknown GPU.
    """
    if gpu not in GPUS:
        raise SettingsError(f"there is no GPU {gpu!r} in the table; choose of {', '.join(GPUS)}")
    with FakeTensorMode(), CPU:
        network = build_network(recipe)
        parameters = sum(parameters_by_part(network).values())
        trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
        one, two = (count_saved_bytes(network, recipe, count, CPU, counted=True) for count in (1, 2))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            forward_pass(network, recipe, empty_windows(recipe, 1, CPU), CPU, counted=True)
    windows = micro_batch_windows(recipe)
    windows_per_step = windows * recipe.gradient_accumulation * num_processes
    memory = memory_bytes(recipe, parameters, trained, torch.device("cuda"), num_processes)
    return RunPlan(
        recipe=recipe,
        gpu=gpu,
        num_processes=num_processes,
        parameters=parameters,
        memory_bytes=memory | {"activations": one + (two - one) * (windows - 1)},
        flops_per_step=BOTH_PASSES * counter.get_total_flops() * windows_per_step,
        frames_per_step=windows_per_step * recipe.window_frames,
        steps=count_steps(recipe.budget, windows_per_step * recipe.window_frames, None),
    )
