"""What a recipe would cost: parameters, memory, frames per step and hours, measured on made-up windows. No data needed.

B batch, T frames, M mel bins.
"""

import json
import math
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train.clock import Budget
from train.export import machine
from train.prepare import Clip
from train.vae_gslm import ModelRecipe, ModelStage

TIMED_STEPS = 2
WINDOWS_ON_CPU = 1  # timed and scaled: a whole micro-batch of the published size takes a CPU minutes
MADE_UP_CLIPS = 4
GIB = 2**30


@dataclass(frozen=True)
class Estimate:
    """What a run would take; bytes are of one process."""

    recipe: ModelRecipe
    device: str
    num_processes: int
    parameters: dict[str, int]  # by part of the network
    memory_bytes: dict[str, int]  # by use
    frames_per_step: int  # over all processes
    seconds_per_step: float
    steps: int

    @property
    def total_bytes(self) -> int:
        """Memory at the height of a step."""
        return sum(self.memory_bytes.values())

    @property
    def hours(self) -> float:
        """Of the whole run on this device."""
        return self.steps * self.seconds_per_step / 3600

    def lines(self) -> list[str]:
        """For people."""
        parts = [f"  {name:20} {count:>13,}" for name, count in self.parameters.items()]
        uses = [f"  {name:20} {count / GIB:>9.3f} GiB" for name, count in self.memory_bytes.items()]
        frames, hz = self.frames_per_step, self.recipe.model.mel.frame_rate_hz
        seen = self.steps * frames / hz / 3600
        return [
            f"recipe {self.recipe.name} on {self.device}, {self.num_processes} process(es)",
            f"parameters{'':12} {sum(self.parameters.values()):>13,}",
            *parts,
            f"memory a process, estimated {self.total_bytes / GIB:.2f} GiB",
            *uses,
            f"frames per step {frames:,} = {frames / hz:,.0f} s of speech, at most",
            f"seconds per step, measured {self.seconds_per_step:.3f} ({frames / self.seconds_per_step:,.0f} frames/s)",
            f"steps {self.steps:,}, {seen:,.0f} h of speech seen, {self.hours:,.1f} h on this device",
        ]


def dry_run(recipe: ModelRecipe, cpu: bool = False) -> Estimate:
    """Time a step or two on noise, on the device at hand, and estimate the memory of a whole one.

    Memory is weights, gradients, optimiser and average by their counts, and what autograd keeps for the backward pass,
    counted at one window and at two and drawn on as a line.
    """
    accelerator = Accelerator(cpu=cpu)
    windows = recipe.batch_size if recipe.frames_per_batch is None else recipe.frames_per_batch // recipe.window_frames
    timed_windows = windows if accelerator.device.type != "cpu" else min(windows, WINDOWS_ON_CPU)
    # One micro-batch of that many windows is what a step is timed with; pitch is not measured on noise.
    change = {"batch_size": timed_windows, "frames_per_batch": None, "gradient_accumulation": 1, "pitch_weight": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        tokens = write_made_up_corpus(recipe, Path(folder))
        stage = ModelStage(recipe.model_copy(update=change), Path(folder), tokens, accelerator)
        network = accelerator.unwrap_model(stage.network)
        one, two = (kept_for_backward(stage, count) for count in (1, 2))
        seconds = timed(stage, accelerator.device) * windows / timed_windows * recipe.gradient_accumulation
    frames = windows * recipe.window_frames * recipe.gradient_accumulation * accelerator.num_processes
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    weights = sum(parameter.numel() for parameter in network.parameters())
    return Estimate(
        recipe=recipe,
        device=machine() if accelerator.device.type != "cpu" else f"CPU, {torch.get_num_threads()} thread(s)",
        num_processes=accelerator.num_processes,
        parameters=parameters_by_part(network),
        memory_bytes={
            "weights": 4 * weights,
            "gradients": 4 * trained,
            "optimiser": 8 * trained,
            "average": 4 * weights if recipe.average_decay is not None else 0,
            # on a GPU AdamW steps over all tensors at once, with temporaries of their size
            "optimiser's step": 4 * trained if accelerator.device.type == "cuda" else 0,
            "activations": one + (two - one) * (windows - 1),
        },
        frames_per_step=frames,
        seconds_per_step=seconds,
        steps=steps_of(recipe.budget, frames, seconds),
    )


def write_made_up_corpus(recipe: ModelRecipe, folder: Path) -> Path:
    """Flat files of noise, each clip longer than a window; returns the file of its tokens."""
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
    """Parameters of each child of the network."""
    return {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}


def kept_for_backward(stage: ModelStage, num_windows: int) -> int:
    """Bytes of the tensors that autograd keeps in a forward pass, each storage once and without the weights."""
    own = {parameter.untyped_storage().data_ptr() for parameter in stage.network.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    windows = stage.dev_set.batch(num_windows, np.random.default_rng(0))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept_alive = stage.losses_of(windows)
    del kept_alive
    return sum(kept.values())


def timed(stage: ModelStage, device: torch.device) -> float:
    """Seconds of one step, the mean of some after a first one that warms up."""
    stage.step(0, 0.5)
    started = time.perf_counter()
    for step in range(TIMED_STEPS):
        stage.step(1 + step, 0.5)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / TIMED_STEPS


def steps_of(budget: Budget, frames_per_step: int, seconds_per_step: float) -> int:
    """Optimiser steps that a budget is enough for."""
    if budget.steps is not None:
        return budget.steps
    if budget.frames is not None:
        return math.ceil(budget.frames / frames_per_step)
    return math.ceil(60 * (budget.minutes or 0.0) / seconds_per_step)
