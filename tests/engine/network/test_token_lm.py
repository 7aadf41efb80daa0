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


def test_the_last_layer_is_the_model_and_no_hook_is_left() -> None:
    torch.manual_seed(0)
    model, tokens = TokenLM(CONFIG).eval(), torch.tensor([[1, 2, 3, PADDING]])
    first, last = model.nats_of_layers(tokens)
    assert torch.equal(last, model.nats(tokens))
    assert not torch.allclose(first, last)
    assert not any(layer._forward_hooks for layer in model.transformer.layers)


def test_tokens_that_go_on_one_by_one_are_the_likeliest_of_the_whole() -> None:
    torch.manual_seed(0)
    model, prompt = TokenLM(CONFIG).eval(), torch.tensor([[1, 2, 3], [1, 2, 3]])
    drawn = model.go_on(prompt, 6, lambda logits: logits.argmax(-1))
    logits = model(torch.cat([prompt, drawn], dim=1))
    assert torch.equal(drawn, logits[:, 3:].argmax(-1))
