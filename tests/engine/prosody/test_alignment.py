"""Alignment by tokens, transfer and morph: a recording with itself is itself, and the ends are the recordings."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.engine import Engine, SettingsError, Speech
from undertone.engine.prosody import align, morph_frames, transfer_latents, unit_distances
from undertone.engine.prosody.alignment import STRETCH_COST

tokens_of_speech = st.lists(st.integers(0, 3), min_size=1, max_size=7)


def speech(tokens: list[int], seed: int = 0) -> Speech:
    count = len(tokens)
    generator = torch.Generator().manual_seed(seed)
    return Speech(
        tokens=torch.tensor(tokens),
        latents=torch.randn(count, 4, generator=generator),
        latents_logstd=None,
        utterance=torch.randn(8, generator=generator),
        mel=torch.zeros(count, 80),
        audio=torch.zeros(count * 320),
        seconds=count / 50,
    )


def cheapest(costs: torch.Tensor, row: int = 0, column: int = 0) -> float:
    """All monotone paths, tried one by one."""
    here = float(costs[row, column])
    if (row + 1, column + 1) == tuple(costs.shape):
        return here
    onward = [
        cheapest(costs, row + down, column + right) + (0.0 if down and right else STRETCH_COST)
        for down, right in product((0, 1), (0, 1))
        if (down or right) and row + down < costs.shape[0] and column + right < costs.shape[1]
    ]
    return here + min(onward)


@settings(deadline=None, max_examples=60)
@given(first=tokens_of_speech, second=tokens_of_speech)
def test_the_path_is_the_cheapest_of_all(first: list[int], second: list[int]) -> None:
    a, b = torch.tensor(first), torch.tensor(second)
    pairs = align(a, b)
    steps = torch.stack([pairs.first.diff(), pairs.second.diff()])
    assert (pairs.first[0], pairs.second[0]) == (0, 0)
    assert (pairs.first[-1], pairs.second[-1]) == (len(a) - 1, len(b) - 1)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.sum(0) >= 1).all()
    total = pairs.cost * len(pairs.first) + STRETCH_COST * int((steps.sum(0) == 1).sum())
    assert total == pytest.approx(cheapest((a[:, None] != b).double()), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(tokens=st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_a_recording_is_aligned_with_itself_frame_by_frame(tokens: list[int]) -> None:
    sequence = torch.tensor(tokens)
    pairs = align(sequence, sequence)
    assert torch.equal(pairs.first, torch.arange(len(tokens)))
    assert torch.equal(pairs.first, pairs.second)
    assert pairs.cost == 0
    itself = speech(tokens)
    assert torch.equal(transfer_latents(itself, itself), itself.latents)


def test_a_slower_speaking_of_the_same_units_gives_its_latents_to_the_right_units() -> None:
    fast, slow = speech([0, 1, 2]), speech([0, 0, 1, 1, 2, 2], seed=1)
    carried = transfer_latents(slow, fast)
    torch.testing.assert_close(carried, slow.latents.view(3, 2, 4).mean(1))
    torch.testing.assert_close(transfer_latents(fast, slow), fast.latents.repeat_interleave(2, 0))


def test_units_that_sound_alike_are_near(tiny_folder: object) -> None:
    engine = Engine.from_pretrained(str(tiny_folder), device="cpu")
    distances = unit_distances(engine)
    count = engine.bundle.config.model.num_tokens
    assert torch.equal(distances.diagonal(), torch.zeros(count))
    torch.testing.assert_close(distances, distances.T)
    assert float(distances.sum() / (count * (count - 1))) == pytest.approx(1.0, rel=1e-4)
    a, b = speech([0, 5, 9]), speech([0, 5, 5, 9], seed=1)
    assert align(a.tokens, b.tokens, distances).cost == 0


@pytest.mark.parametrize("timing", ["between", "first"])
def test_a_morph_begins_at_the_first_recording_bit_for_bit(timing: str) -> None:
    a, b = speech([0, 1, 1, 2, 3]), speech([0, 1, 2, 3, 3, 3, 3], seed=1)
    start = morph_frames(a, b, 0.0, timing=timing)  # type: ignore[arg-type]
    assert torch.equal(start.tokens, a.tokens)
    assert torch.equal(start.latents, a.latents)
    assert torch.equal(start.utterance, a.utterance)


def test_a_morph_ends_at_the_second_recording_or_at_its_latents_on_the_first_ones_tokens() -> None:
    a, b = speech([0, 1, 1, 2, 3]), speech([0, 1, 2, 3, 3, 3, 3], seed=1)
    end = morph_frames(a, b, 1.0)
    assert torch.equal(end.tokens, b.tokens)
    assert torch.equal(end.latents, b.latents)
    assert torch.equal(end.utterance, b.utterance)
    kept = morph_frames(a, b, 1.0, timing="first")
    assert torch.equal(kept.tokens, a.tokens)
    assert torch.equal(kept.latents, transfer_latents(b, a))
    assert torch.equal(kept.utterance, a.utterance)


def test_between_the_ends_lengths_and_latents_are_between() -> None:
    a, b = speech([0, 0, 1, 1]), speech([0, 0, 0, 0, 1, 1, 1, 1], seed=1)
    half = morph_frames(a, b, 0.5)
    assert len(half.tokens) == 6
    assert half.tokens.tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(half.latents[0], (a.latents[0] + b.latents[0]) / 2)
    torch.testing.assert_close(half.utterance, (a.utterance + b.utterance) / 2)


@settings(deadline=None, max_examples=60)
@given(first=tokens_of_speech, second=tokens_of_speech, amount=st.floats(0, 1))
def test_every_amount_gives_a_frame_for_every_moment(first: list[int], second: list[int], amount: float) -> None:
    a, b = speech(first), speech(second, seed=1)
    between = morph_frames(a, b, amount)
    assert len(between.tokens) == round((1 - amount) * len(first) + amount * len(second))
    assert between.latents.shape == (len(between.tokens), 4)
    assert set(between.tokens.tolist()) <= set(first) | set(second)


def test_an_amount_outside_of_the_ends_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"amount is 1\.5"):
        morph_frames(speech([0]), speech([1]), 1.5)


def test_a_recording_without_frames_is_refused() -> None:
    with pytest.raises(SettingsError, match="without frames"):
        align(torch.zeros(0, dtype=torch.int64), torch.tensor([1]))
