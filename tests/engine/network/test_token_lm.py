"""The language model of plain tokens."""

import torch

from undertone.engine.config import TransformerConfig
from undertone.engine.network.token_lm import PADDING, TokenLM, TokenLMConfig

CONFIG = TokenLMConfig(
    vocabulary=7, transformer=TransformerConfig(dim=16, num_layers=2, num_heads=2, feedforward_dim=32, max_positions=64)
)


def test_a_token_depends_on_those_before_it_alone() -> None:
    torch.manual_seed(0)
    model, tokens = TokenLM(CONFIG).eval(), torch.tensor([[1, 2, 3, 4, 5]])
    changed = tokens.clone()
    changed[0, 3] = 6
    one, other = model(tokens), model(changed)
    assert torch.equal(one[0, :4], other[0, :4])
    assert not torch.allclose(one[0, 4], other[0, 4])


def test_probabilities_sum_to_one_and_padding_costs_nothing() -> None:
    torch.manual_seed(0)
    model = TokenLM(CONFIG).eval()
    every = model.nats(torch.arange(7)[:, None])
    assert torch.allclose((-every).exp().sum(), torch.tensor(1.0), atol=1e-5)
    whole, padded = model.nats(torch.tensor([[1, 2, 3]])), model.nats(torch.tensor([[1, 2, 3, PADDING]]))
    assert torch.allclose(padded[:, :3], whole, atol=1e-5)
    assert padded[0, 3] == 0
