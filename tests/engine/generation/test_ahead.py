"""What a thread makes ahead is what the iterator gives, in its order; nothing outlives who asked for it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from undertone.engine import CallProgress, Cancelled, Engine, Sampling
from undertone.engine.generation import stream
from undertone.engine.generation.ahead import MadeAhead


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "made-ahead"]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_items_come_in_order_and_from_no_further_ahead_than_allowed(limit: int) -> None:
    made: list[int] = []
    used: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            assert len(made) - len(used) <= limit + 2  # those that wait, the one at work and the one in use
            yield i

    with MadeAhead(items(), limit) as ahead:
        for item in ahead:
            used.append(item)
        assert next(ahead, None) is None
    assert used == list(range(50))
    assert not threads()


def test_what_goes_wrong_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("no frame")

    with MadeAhead(items(), 10) as ahead:
        assert [next(ahead) for _ in range(3)] == [0, 1, 2]
        for _ in range(2):  # and again for whoever asks again
            with pytest.raises(ValueError, match="no frame"):
                next(ahead)
    assert not threads()


def test_whoever_leaves_early_ends_the_thread() -> None:
    def items() -> Iterator[int]:
        i = 0
        while True:
            yield (i := i + 1)

    with MadeAhead(items(), 2) as ahead:
        assert next(ahead) == 1
    assert not threads()


@pytest.fixture
def tiny(tiny_folder: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder, device="cpu")


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(end="never", blocks=False)], ids=["blocks", "at once"])
def test_a_take_is_the_same_to_the_bit_on_one_thread_and_on_two(
    tiny: Engine, prompt: Tensor, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = tiny.analyse(prompt, 16_000)
    made, frames = [], []
    for two in (False, True):
        monkeypatch.setattr(stream, "has_second_processor", lambda two=two: two)
        reported: list[int] = []
        progress = CallProgress(report=lambda done, total, reported=reported: reported.append(done))
        chunks = list(tiny.stream(speech, 4.0, sampling, seed=5, num_takes=2, progress=progress))
        made.append([torch.cat([chunk.of(take) for chunk in chunks]) for take in range(2)])
        frames.append(reported)
    assert all(torch.equal(alone, beside) for alone, beside in zip(*made, strict=True))
    assert frames[0] == frames[1], "progress is told of every frame, in order"


def test_a_stopped_run_and_one_that_nobody_reads_on_leave_no_thread(
    tiny: Engine, prompt: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "has_second_processor", lambda: True)
    speech = tiny.analyse(prompt, 16_000)
    seen: list[int] = []
    progress = CallProgress(lambda: len(seen) > 40, lambda done, total: seen.append(done))
    with pytest.raises(Cancelled):
        list(tiny.stream(speech, 10.0, seed=1, progress=progress))
    assert not threads()
    chunks = tiny.stream(speech, 10.0, seed=1)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert not threads()
