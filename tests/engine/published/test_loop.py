"""The published loop computes what the transformer does, at whatever cost."""

import torch

from tests.engine.network.network_sizes import random_model, sized_config
from undertone.engine.published.loop import PublishedCache


@torch.inference_mode()
def test_its_hidden_states_are_those_of_the_whole_sequence() -> None:
    model = random_model(sized_config("three heads"), 0).eval()
    inputs = torch.randn(2, 12, 10, generator=torch.Generator().manual_seed(1))
    cache = PublishedCache(model)
    pieces = [cache.advance(piece) for piece in inputs.split([5, 1, 4, 1, 1], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), model.transform(inputs), atol=1e-5, rtol=1e-4)
