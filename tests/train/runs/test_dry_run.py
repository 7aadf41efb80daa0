"""The dry run: its memory against what a process really takes, its counts against the network's."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.train.peak import peak_bytes
from tests.train.tiny_recipes import MODEL
from undertone.train.loop.budget import Budget
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import build_network
from undertone.train.recipes import load_recipe_of
from undertone.train.runs.dry_run import count_steps, dry_run, parameters_by_part

SIZES = [
    "steps=2",
    "batch_size=6",
    "window_frames=320",
    "gradient_accumulation=1",
    "average_decay=0.9",
    "precision=float32",
    "model.transformer={dim: 384, num_layers: 6, num_heads: 6, feedforward_dim: 1536}",
    "model.encoder={channels: 192, hidden_channels: [768, 768]}",
    "model.decoder.channels=192",
    "model.decoder.hidden_channels=[768, 768, 768, 768, 768, 768]",
]
MEASURED = """
import sys, tempfile
from pathlib import Path
from accelerate import Accelerator
from tests.train.peak import peak_bytes
from tests.train.tiny_recipes import MODEL
from undertone.train.runs.dry_run import write_made_up_corpus
from undertone.train.recipes import load_recipe
from undertone.train.model.stage import ModelStage

accelerator = Accelerator(cpu=True)
for recipe in (MODEL, load_recipe("librispeech-960", sys.argv[1:])):  # the first one loads what is loaded on first use
    before = peak_bytes()
    with tempfile.TemporaryDirectory() as folder:
        tokens = write_made_up_corpus(recipe, Path(folder))
        stage = ModelStage(recipe, Path(folder), tokens, accelerator)
        for step in range(2):
            stage.step(step, 0.5)
print(peak_bytes() - before)
"""


def test_the_estimated_memory_is_what_a_process_takes() -> None:
    estimate = dry_run(load_recipe_of(ModelRecipe, "librispeech-960", SIZES), cpu=True)
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", MEASURED, *SIZES]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    measured = int(done.stdout.split()[-1])
    assert estimate.total_bytes == pytest.approx(measured, rel=0.2), (estimate.memory_bytes, measured)


def test_counts_and_hours_are_those_of_the_recipe() -> None:
    estimate = dry_run(MODEL, cpu=True)
    network = build_network(MODEL)
    assert sum(estimate.parameters.values()) == sum(p.numel() for p in network.parameters())
    assert estimate.frames_per_step == MODEL.window_frames * MODEL.batch_size * MODEL.gradient_accumulation
    assert estimate.steps == MODEL.steps
    assert estimate.hours == pytest.approx(MODEL.steps * estimate.seconds_per_step / 3600)
    assert any("frames per step" in line for line in estimate.lines())


def test_the_published_size_has_the_published_parameters() -> None:
    with torch.device("meta"):
        parts = parameters_by_part(build_network(ModelRecipe(steps=1)))
    assert sum(parts.values()) == 226_957_564


HUGE = ["model.transformer={dim: 16384, num_layers: 4, num_heads: 32, feedforward_dim: 65536}", "batch_size=2"]


def test_a_run_that_does_not_fit_is_estimated_without_a_byte_of_it_and_not_timed() -> None:
    before = peak_bytes()
    estimate = dry_run(load_recipe_of(ModelRecipe, "librispeech-960", HUGE), cpu=True)
    assert sum(estimate.parameters.values()) > 8e9
    assert estimate.seconds_per_step is None
    assert estimate.hours is None
    assert peak_bytes() - before < 2**30
    assert any("not timed" in line for line in estimate.lines())
    assert any("steps 1,200,000" in line for line in estimate.lines())


def test_a_dry_run_does_not_wait_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(*_: object, **__: object) -> None:
        raise AssertionError("a dry run compiled")

    monkeypatch.setattr("torch.compile", compiled)
    estimate = dry_run(MODEL.model_copy(update={"compile": True}), cpu=True)
    assert any("not compiled" in line for line in estimate.lines())


def test_every_budget_becomes_a_number_of_steps() -> None:
    assert count_steps(Budget(steps=7), 100, 1.0) == 7
    assert count_steps(Budget(frames=1000), 300, 1.0) == 4
    assert count_steps(Budget(minutes=2), 300, 0.5) == 240
