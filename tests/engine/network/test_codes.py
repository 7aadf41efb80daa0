"""Residual codes of mel frames, and the depth transformer that predicts them level by level."""

import torch

from tests.tiny_bundle import OTHER_SYSTEMS, change_config, tiny_model_config
from undertone.engine.network.codes import DepthTransformer, ResidualQuantiser
from undertone.engine.noise import SeededNoise

CONFIG = change_config(tiny_model_config(), OTHER_SYSTEMS["Token-LM + Acoustic"])


def test_codes_of_sums_of_entries_are_those_entries() -> None:
    """Levels that are ten times finer each, as far apart as they are fine, leave nothing."""
    generator = torch.Generator().manual_seed(0)
    quantiser = ResidualQuantiser(CONFIG)
    quantiser.codebooks.copy_(torch.randn(3, 16, 80, generator=generator) * torch.tensor([1, 0.1, 0.01])[:, None, None])
    codes = torch.randint(0, 16, (2, 7, 3), generator=generator)
    mel = quantiser.mel(codes)
    assert torch.equal(quantiser(mel), codes)
    assert torch.allclose(quantiser.mel(quantiser(mel)), mel, atol=1e-6)


def test_a_level_is_predicted_from_the_token_and_the_levels_before_it() -> None:
    torch.manual_seed(0)
    depth = DepthTransformer(CONFIG)
    hidden, tokens = torch.randn(2, 5, 32), torch.randint(0, 24, (2, 5))
    codes = torch.randint(0, 16, (2, 5, 3)).float()
    logits = depth(hidden, tokens, codes[..., :-1])
    assert logits.shape == (2, 5, 3, 16)
    assert torch.allclose(depth(hidden, tokens, codes[..., :1]), logits[:, :, :2], atol=1e-6)
    other = codes.clone()
    other[..., 1] = (other[..., 1] + 1) % 16
    changed = depth(hidden, tokens, other[..., :-1])
    assert torch.allclose(changed[:, :, :2], logits[:, :, :2], atol=1e-6)
    assert not torch.allclose(changed[:, :, 2], logits[:, :, 2], atol=1e-3)
    assert not torch.allclose(depth(hidden, (tokens + 1) % 24, codes[..., :0]), logits[:, :, :1], atol=1e-3)
    probability = logits.softmax(-1).gather(-1, codes.long().unsqueeze(-1)).prod(2)[..., 0]
    assert torch.allclose(depth.nats(hidden, tokens, codes), -probability.log(), atol=1e-4)


def test_codes_are_drawn_from_what_is_predicted() -> None:
    """Over 2000 draws of the first level no share is off by more than five of its standard errors."""
    torch.manual_seed(0)
    depth = DepthTransformer(CONFIG)
    count = 2000
    hidden, tokens = torch.randn(1, 1, 32).expand(count, -1, -1), torch.full((count, 1), 3)
    drawn = depth.draw(hidden, tokens, 1.0, SeededNoise(range(count)))
    expected = depth(hidden[:1], tokens[:1], drawn[:1, :, :0])[0, 0, 0].softmax(-1)
    shares = torch.bincount(drawn[:, 0, 0].long(), minlength=16) / count
    assert ((shares - expected).abs() < 5 * (expected * (1 - expected) / count).sqrt()).all()
