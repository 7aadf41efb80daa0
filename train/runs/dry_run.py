"""Estimates of a recipe's cost: parameters, memory, frames per step and hours. No data needed.

Parameters and memory are counted on tensors without contents, so that any size is estimated in seconds; a step is timed
on made-up windows only where it fits into the memory at hand, and never waits for a compiler.

B batch, T frames, M mel bins.
"""

import json
import math
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from undertone.engine.network import losses
from undertone.train.data.flat_files import Clip
from undertone.train.loop.budget import Budget
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import ModelStage, build_network, forward_pass
from undertone.train.model.windows import Windows
from undertone.train.runs.bundle import describe_machine

TIMED_STEPS = 2
WINDOWS_ON_CPU = 1  # timed and scaled: a whole micro-batch of the published size takes a CPU minutes
MADE_UP_CLIPS = 4
GIB = 2**30
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class CostEstimate:
    """Estimated cost of a run; bytes are of one process."""

    recipe: ModelRecipe
    device: str
    num_processes: int
    parameters: dict[str, int]  # by part of the network
    memory_bytes: dict[str, int]  # by use
    frames_per_step: int  # over all processes
    seconds_per_step: float | None  # None: a step does not fit into the memory there is
    steps: int | None  # None: of a budget in minutes, without a speed
    available_bytes: int

    @property
    def total_bytes(self) -> int:
        """Return the peak memory of a step."""
        return sum(self.memory_bytes.values())

    @property
    def hours(self) -> float | None:
        """Return the hours of the whole run on this device, None where no step was timed."""
        if self.seconds_per_step is None or self.steps is None:
            return None
        return self.steps * self.seconds_per_step / 3600

    def lines(self) -> list[str]:
        """Return the estimate in lines for people."""
        parts = [f"  {name:20} {count:>13,}" for name, count in self.parameters.items()]
        uses = [f"  {name:20} {count / GIB:>9.3f} GiB" for name, count in self.memory_bytes.items()]
        frames, hz = self.frames_per_step, self.recipe.model.mel.frame_rate_hz
        return [
            f"recipe {self.recipe.name} on {self.device}, {self.num_processes} process(es)",
            f"parameters{'':12} {sum(self.parameters.values()):>13,}",
            *parts,
            f"memory a process, estimated {self.total_bytes / GIB:.2f} GiB",
            *uses,
            f"memory available here {self.available_bytes / GIB:.2f} GiB",
            f"frames per step {frames:,} = {frames / hz:,.0f} s of speech, at most",
            *self._speed(),
        ]

    def _speed(self) -> list[str]:
        """Return lines on seconds and hours, as far as they are known."""
        frames, hz = self.frames_per_step, self.recipe.model.mel.frame_rate_hz
        known = (
            []
            if self.steps is None
            else [f"steps {self.steps:,}, {self.steps * frames / hz / 3600:,.0f} h of speech seen"]
        )
        if self.seconds_per_step is None:
            return ["seconds per step: not timed, a step does not fit into the memory available here", *known]
        speed = (
            f"seconds per step, measured {self.seconds_per_step:.3f} ({frames / self.seconds_per_step:,.0f} frames/s)"
        )
        if self.recipe.compile:
            speed += ", not compiled; a compiled run is faster"
        return [speed, *known, f"{self.hours:,.1f} h on this device"]


def dry_run(recipe: ModelRecipe, cpu: bool = False) -> CostEstimate:
    """Estimate the memory of a step, and time one or two on noise, on the device at hand, where they fit.

    Memory is weights, gradients, optimiser and average by their counts, and what autograd keeps for the backward pass,
    counted at one window and at two and drawn on as a line.
    """
    accelerator = Accelerator(cpu=cpu)
    device = accelerator.device
    windows = micro_batch_windows(recipe)
    timed_windows = windows if device.type != "cpu" else min(windows, WINDOWS_ON_CPU)
    parameters, trained, one, two = count_memory(recipe, device)
    memory = memory_bytes(recipe, sum(parameters.values()), trained, device, accelerator.num_processes)
    available = available_bytes(device)
    activations = {count: one + (two - one) * (count - 1) for count in (timed_windows, windows)}
    seconds = None
    if sum(memory.values()) + activations[timed_windows] < available:
        # One micro-batch of that many windows is what a step is timed with; pitch is not measured on noise.
        change: dict[str, object] = {"batch_size": timed_windows, "frames_per_batch": None, "gradient_accumulation": 1}
        change |= {"pitch_weight": 0.0, "compile": False}
        with tempfile.TemporaryDirectory() as folder:
            tokens = write_made_up_corpus(recipe, Path(folder))
            stage = ModelStage(recipe.model_copy(update=change), Path(folder), tokens, accelerator)
            seconds = time_step(stage, device) * windows / timed_windows * recipe.gradient_accumulation
    frames = windows * recipe.window_frames * recipe.gradient_accumulation * accelerator.num_processes
    return CostEstimate(
        recipe=recipe,
        device=describe_machine() if device.type != "cpu" else f"CPU, {torch.get_num_threads()} thread(s)",
        num_processes=accelerator.num_processes,
        parameters=parameters,
        memory_bytes=memory | {"activations": activations[windows]},
        frames_per_step=frames,
        seconds_per_step=seconds,
        steps=count_steps(recipe.budget, frames, seconds),
        available_bytes=available,
    )


def micro_batch_windows(recipe: ModelRecipe) -> int:
    """Return the whole windows of a micro-batch."""
    if recipe.frames_per_batch is None:
        return recipe.batch_size
    return max(1, recipe.frames_per_batch // recipe.window_frames)


def count_memory(recipe: ModelRecipe, device: torch.device) -> tuple[dict[str, int], int, int, int]:
    """Count on tensors that have sizes and no contents, whatever the network's size.

    Returns:
        parameters by part of the network, how many of all are trained, and the bytes that autograd keeps for one window
        and for two.
    """
    with FakeTensorMode(), device:
        network = build_network(recipe)
        trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
        one, two = (count_saved_bytes(network, recipe, count, device) for count in (1, 2))
        return parameters_by_part(network), trained, one, two


def memory_bytes(
    recipe: ModelRecipe, weights: int, trained: int, device: torch.device, num_processes: int = 1
) -> dict[str, int]:
    """Return the bytes, by use, of all that does not depend on the windows, from the numbers of parameters."""
    stepped = math.ceil(trained / num_processes) if recipe.shard_optimiser else trained
    return {
        "weights": 4 * weights,
        "gradients": 4 * trained,
        "gradients on the way": 4 * trained if num_processes > 1 else 0,  # buckets that processes exchange
        "optimiser": 8 * stepped,
        "average": 4 * weights if recipe.average_decay is not None else 0,
        # on a GPU AdamW steps over all tensors at once, with temporaries of their size
        "optimiser's step": 4 * stepped if device.type == "cuda" else 0,
    }


def available_bytes(device: torch.device) -> int:
    """Return the memory that this process may still take, of the GPU or of the machine within its container's limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    available = int(psutil.virtual_memory().available)
    limit, used = CGROUP / "memory.max", CGROUP / "memory.current"
    if limit.is_file() and used.is_file() and (text := limit.read_text().strip()).isdecimal():
        available = min(available, int(text) - int(used.read_text()))
    return available


def write_made_up_corpus(recipe: ModelRecipe, folder: Path) -> Path:
    """Write flat files of noise, each clip longer than a window; return the file of its tokens."""
    model, frames = recipe.model, recipe.window_frames + 1
    random = np.random.default_rng(0)
    clips = [
        Clip(str(n), "nobody", "dev" if n else "train", "", 0, 0, n * frames, frames) for n in range(MADE_UP_CLIPS)
    ]
    total = MADE_UP_CLIPS * frames
    (folder / "index.jsonl").write_text("".join(json.dumps(asdict(clip)) + "\n" for clip in clips))
    np.zeros(1, dtype=np.int16).tofile(folder / "audio.i16")
    mel = random.normal(model.mel.mean, model.mel.std, (total, model.mel.num_mels))
    mel.astype(np.float16).tofile(folder / "mel.f16")
    path = folder / "tokens-made-up.u16"
    random.integers(0, model.num_tokens, total).astype(np.uint16).tofile(path)
    return path


def parameters_by_part(network: nn.Module) -> dict[str, int]:
    """Return the number of parameters of each child of the network."""
    return {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}


def count_saved_bytes(
    network: nn.Module, recipe: ModelRecipe, num_windows: int, device: torch.device, counted: bool = False
) -> int:
    """Return the bytes of the tensors that autograd saves in a forward pass, each storage once, without the weights."""
    own = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    kept: dict[int, Tensor] = {}  # held, so that no storage's number is given to another one

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in own:
            kept[storage] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        outputs = losses(
            forward_pass(network, recipe, empty_windows(recipe, num_windows, device), device, counted=counted)
        )
    del outputs
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def empty_windows(recipe: ModelRecipe, count: int, device: torch.device) -> Windows:
    """Return whole windows without contents."""
    mel, frames = recipe.model.mel, recipe.window_frames
    utterance = int(recipe.utterance_seconds[1] * mel.frame_rate_hz)
    return Windows(
        tokens=torch.zeros(count, frames, dtype=torch.int64, device=device),
        mel=torch.zeros(count, frames, mel.num_mels, device=device),
        lengths=torch.full((count,), frames, device=device),
        utterance_mel=torch.zeros(count, utterance, mel.num_mels, device=device),
        utterance_lengths=torch.full((count,), utterance, device=device),
        contour=torch.zeros(count, frames, device=device) if recipe.model.beside == "pitch" else None,
    )


def time_step(stage: ModelStage, device: torch.device) -> float:
    """Return the seconds of one step, the mean of some after a first one that warms up."""
    stage.step(0, 0.5)
    started = time.perf_counter()
    for step in range(TIMED_STEPS):
        stage.step(1 + step, 0.5)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / TIMED_STEPS


def count_steps(budget: Budget, frames_per_step: int, seconds_per_step: float | None) -> int | None:
    """Return the optimiser steps that a budget is enough for; None for minutes without a speed."""
    if budget.steps is not None:
        return budget.steps
    if budget.frames is not None:
        return math.ceil(budget.frames / frames_per_step)
    return None if seconds_per_step is None else math.ceil(60 * (budget.minutes or 0.0) / seconds_per_step)
