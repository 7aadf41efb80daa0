"""Windows that workers build: the same as without them, from any step on, each stream of shards by one worker."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL
from undertone.train.model.stage import ModelStage
from undertone.train.model.window_loader import PrefetchedWindows, largest_divisor, prefetch_windows
from undertone.train.model.window_sources import window_source

PARTS = [(step, part) for step in range(4) for part in (0, 2)]


@pytest.mark.parametrize("frames_per_batch", [None, 200])
def test_workers_build_the_windows_that_the_process_itself_builds(
    prepared: Path, tokens: Path, frames_per_batch: int | None
) -> None:
    recipe = MODEL.model_copy(update={"frames_per_batch": frames_per_batch})
    alone = window_source(recipe, prepared, tokens, parts=4)
    ahead = PrefetchedWindows(window_source(recipe, prepared, tokens, parts=4), [0, 2], workers=2, pinned=False)
    for step, part in [*PARTS, (2, 2), (3, 0)]:  # behind the end a jump back, as a resumed run makes
        expected, found = alone.windows(step, part), ahead.windows(step, part)
        for name, value in vars(expected).items():
            assert value is None or torch.equal(value, getattr(found, name)), (step, part, name)


def test_no_more_workers_than_streams_can_be_dealt_to() -> None:
    assert [largest_divisor(parts, 4) for parts in (1, 2, 3, 4, 6, 8)] == [1, 2, 3, 4, 3, 4]


def test_without_workers_the_source_is_read_as_it_is(prepared: Path, tokens: Path) -> None:
    source = window_source(MODEL, prepared, tokens, parts=2)
    assert prefetch_windows(source, 2, 1, 0, workers=0, device=torch.device("cpu")) is source


def test_a_step_with_workers_is_the_step_without(prepared: Path, tokens: Path) -> None:
    stages = [ModelStage(MODEL, prepared, tokens, Accelerator(cpu=True), loader_workers=workers) for workers in (0, 2)]
    first, second = ([stage.step(step, 0.5)["loss"] for step in range(2)] for stage in stages)
    assert first == second


@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory is pinned for a GPU")
def test_windows_for_a_gpu_are_pinned(prepared: Path, tokens: Path) -> None:
    source = window_source(MODEL, prepared, tokens, parts=2)
    ahead = prefetch_windows(source, 2, 1, 0, workers=1, device=torch.device("cuda"))
    windows = ahead.windows(0, 0)
    assert windows.mel.is_pinned()
    assert replace(windows).tokens.is_pinned()
