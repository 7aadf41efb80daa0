"""Random draws: rows are independent of their batch, categories follow their probabilities."""

import pytest
import torch

from undertone.engine.noise import BatchNoise, SeededNoise, inverse_cdf


def test_a_row_of_a_batch_gets_the_draws_of_its_seed_alone() -> None:
    both, one = SeededNoise([4, 9]), SeededNoise([9])
    probabilities = torch.rand(2, 50)
    for _ in range(3):
        assert torch.equal(both.normal(2, 3, 5)[1:], one.normal(1, 3, 5))
        assert torch.equal(both.uniform(2, 4)[1:], one.uniform(1, 4))
        assert torch.equal(both.categorical(probabilities)[1:], one.categorical(probabilities[1:]))


def test_a_batch_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a batch of 3 needs as many seeds"):
        SeededNoise([1, 2]).normal(3, 4)


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_the_inverse_cdf_follows_the_probabilities(scale: float) -> None:
    probabilities = torch.tensor([0.0, 0.1, 0.0, 0.6, 0.3, 0.0])
    uniform = (torch.arange(1000) + 0.5) / 1000
    ids = inverse_cdf(scale * probabilities.expand(1000, -1), uniform)
    assert torch.bincount(ids, minlength=6).tolist() == [0, 100, 0, 600, 300, 0]


def test_the_ends_of_the_interval_are_ids_that_can_be_drawn() -> None:
    probabilities = torch.tensor([[0.0, 0.5, 0.5, 0.0]] * 2)
    ends = torch.tensor([0.0, 1 - 2**-24])
    assert inverse_cdf(probabilities, ends).tolist() == [1, 2]


def test_batch_noise_repeats_with_its_generator() -> None:
    a, b = (BatchNoise(generator=torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(a.normal(2, 3), b.normal(2, 3))
    assert torch.equal(a.categorical(torch.ones(2, 9)), b.categorical(torch.ones(2, 9)))
