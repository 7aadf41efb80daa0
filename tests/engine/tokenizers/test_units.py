"""The cheapest path of units: the exact optimum, its limits, and the frames around a frame."""

from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.engine.config import HubertConfig, PhonePartsConfig, PhoneticConfig
from undertone.engine.tokenizers import nearest_centroid, unit_names, viterbi_units
from undertone.engine.tokenizers.phonetic import PhoneticTokenizer


def cost(features: torch.Tensor, centroids: torch.Tensor, units: list[int], steps: torch.Tensor) -> float:
    distance = sum(float((frame - centroids[unit]).square().sum()) for frame, unit in zip(features, units, strict=True))
    return distance + sum(float(steps[before, after]) for before, after in pairwise(units))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 5.0))
def test_no_other_path_is_cheaper(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    features, centroids = torch.randn(5, 2, generator=generator), torch.randn(3, 2, generator=generator)
    steps = scale * torch.rand(3, 3, generator=generator)
    found = viterbi_units(features, centroids, steps)
    best = min(cost(features, centroids, list(path), steps) for path in product(range(3), repeat=5))
    assert cost(features, centroids, found.tolist(), steps) == pytest.approx(best, abs=1e-4)


def test_free_steps_are_nearest_centroids_and_a_dear_one_is_never_taken() -> None:
    features, centroids = torch.randn(200, 4), torch.randn(12, 4)
    free = torch.zeros(12, 12)
    assert torch.equal(viterbi_units(features, centroids, free), nearest_centroid(features, centroids))
    round_trip = torch.full((12, 12), 1e6)
    for unit in range(12):
        round_trip[unit, unit] = round_trip[unit, (unit + 1) % 12] = 0.0
    taken = viterbi_units(features, centroids, round_trip).diff() % 12
    assert set(taken.tolist()) == {0, 1}  # from a row to a column, not the other way round
    assert viterbi_units(features[:0], centroids, free).shape == (0,)
    assert torch.equal(viterbi_units(features[:1], centroids, free), nearest_centroid(features[:1], centroids))


def test_a_clip_in_a_padded_batch_has_the_features_it_has_alone() -> None:
    torch.manual_seed(0)
    config = PhoneticConfig(
        num_units=12,
        dim=16,
        num_layers=1,
        num_heads=2,
        feedforward_dim=32,
        feature_layer=1,
        phone_parts=PhonePartsConfig(dim=6),
    )
    tokenizer = PhoneticTokenizer(config).eval()
    mels = [torch.randn(length, config.mel.num_mels) for length in (40, 23)]
    lengths = torch.tensor([40, 23])
    hidden = torch.nn.utils.rnn.pad_sequence([torch.randn(length, 16) for length in (40, 23)], batch_first=True)
    stacked = tokenizer.stacked(hidden, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = tokenizer.stacked(hidden[row : row + 1, :length], lengths[row : row + 1])
        assert torch.equal(stacked[row, :length], alone[0])
    assert torch.equal(stacked[1, 22, 32:], hidden[1, 22])  # beyond the edge is the edge
    assert tokenizer.features_batch(mels[0][None], lengths[:1]).shape == (1, 40, 6)


def test_a_unit_is_called_by_its_phone_or_by_its_number() -> None:
    parts = PhoneticConfig(num_units=9, phone_parts=PhonePartsConfig(phones=("AA", "B")))
    assert unit_names(parts) == ("silence",) * 3 + ("AA",) * 3 + ("B",) * 3
    assert unit_names(PhoneticConfig(num_units=3)) == ("0", "1", "2")
    assert unit_names(HubertConfig(num_units=2)) == ("0", "1")
