"""A frame is the same whoever makes it: one thread, or several that share its rows."""

import threading
import time

import numpy as np
import pytest
import torch
from torch import Tensor

from undertone.engine.network import VAEGSLM, CompiledStep
from undertone.engine.network.compiled import shared_frame


@pytest.fixture(scope="module")
def small(model: VAEGSLM) -> CompiledStep:
    return CompiledStep(model.half().float())


@pytest.fixture(scope="module")
def large(model: VAEGSLM, small: CompiledStep) -> CompiledStep:
    return CompiledStep(model, is_large=True)


def hidden_of(step: CompiledStep, model: VAEGSLM, batch: int = 2, frames: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Return the hidden states [frames, B, D], keys and values behind the same frames, made by a step."""
    generator, cache = torch.Generator().manual_seed(2), model.new_cache(batch, frames)
    hidden = [
        step.advance(
            torch.randint(24, (batch,), generator=generator), torch.randn(batch, 4, generator=generator), cache
        )
        for _ in range(frames)
    ]
    return torch.stack(hidden), cache.keys, cache.values


@torch.inference_mode()
def test_frames_by_several_threads_are_those_of_one_to_the_bit(
    model: VAEGSLM, small: CompiledStep, large: CompiledStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_frame, "BLOCK_WEIGHTS", 64)  # many blocks, so that all get some
    expected = hidden_of(small, model)
    for threads in (1, 2, 4):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert large.threads == threads
        for found, wanted in zip(hidden_of(large, model), expected, strict=True):
            assert torch.equal(found, wanted)


@torch.inference_mode()
def test_a_helper_who_comes_before_the_leader_waits_and_one_who_comes_behind_leaves(
    model: VAEGSLM, large: CompiledStep
) -> None:
    cache = model.new_cache(1, 1)
    hidden = torch.full((1, model.config.transformer.dim), torch.nan)
    given = np.array([3]), np.zeros((1, 4), np.float32), cache.keys.numpy(), cache.values.numpy(), np.zeros(1, np.int64)
    frame = shared_frame.shared_frame(large._weights, *given, hidden.numpy())
    early = threading.Thread(target=shared_frame.share_frame, args=(large._weights, frame, False))
    early.start()
    time.sleep(0.01)
    assert early.is_alive()
    assert torch.isnan(hidden).all()
    shared_frame.share_frame(large._weights, frame, True)
    early.join(10)
    assert not early.is_alive()
    made = hidden.clone()
    shared_frame.share_frame(large._weights, frame, False)
    assert torch.equal(hidden, made)
    assert torch.isfinite(made).all()
