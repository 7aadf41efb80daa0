"""Units that change seldom: the exact optimum, its limits, and the frames around a frame."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import PhoneticConfig
from engine.tokenizers import cheapest_units, nearest_centroid
from engine.tokenizers.phonetic import PhoneticTokenizer


def cost(features: torch.Tensor, centroids: torch.Tensor, units: list[int], switch_cost: float) -> float:
    distance = sum(float((frame - centroids[unit]).square().sum()) for frame, unit in zip(features, units, strict=True))
    return distance + switch_cost * sum(a != b for a, b in zip(units[1:], units[:-1], strict=True))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), switch_cost=st.floats(0.01, 5.0))
def test_no_other_path_is_cheaper(seed: int, switch_cost: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    features, centroids = torch.randn(5, 2, generator=generator), torch.randn(3, 2, generator=generator)
    found = cheapest_units(features, centroids, switch_cost)
    best = min(cost(features, centroids, list(path), switch_cost) for path in product(range(3), repeat=5))
    assert cost(features, centroids, found.tolist(), switch_cost) == pytest.approx(best, abs=1e-4)


def test_free_changes_are_nearest_centroids_and_dear_ones_are_one_unit() -> None:
    features, centroids = torch.randn(200, 4), torch.randn(12, 4)
    assert torch.equal(cheapest_units(features, centroids, 0.0), nearest_centroid(features, centroids))
    assert len(cheapest_units(features, centroids, 1e6).unique()) == 1
    changes = [int((cheapest_units(features, centroids, c).diff() != 0).sum()) for c in (0.0, 0.5, 2.0, 8.0)]
    assert changes == sorted(changes, reverse=True)
    assert cheapest_units(features[:0], centroids, 1.0).shape == (0,)


def test_a_clip_in_a_padded_batch_has_the_units_it_has_alone() -> None:
    torch.manual_seed(0)
    config = PhoneticConfig(
        num_units=12, dim=16, num_layers=1, num_heads=2, feedforward_dim=32, feature_layer=1, projection_dim=6
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
