"""Drawing frames: the cache changes nothing, each take follows its own seed, and the end ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from undertone.engine.bundle import load_bundle
from undertone.engine.generation.generate import PartialTakes, generate
from undertone.engine.generation.sampling import Sampling, token_probabilities
from undertone.engine.network import VAEGSLM
from undertone.engine.noise import SeededNoise

PROMPT_FRAMES, NUM_FRAMES = 20, 30


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> VAEGSLM:
    return load_bundle(tiny_folder).model


@pytest.fixture
def model_with_end(tiny_folder_with_end: Path) -> VAEGSLM:
    return load_bundle(tiny_folder_with_end).model


def prompt_frames(model: VAEGSLM, batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    tokens = torch.randint(model.config.num_tokens, (1, PROMPT_FRAMES), generator=generator)
    latents = torch.randn(1, PROMPT_FRAMES, model.config.latent_dim, generator=generator)
    return tokens.expand(batch, -1), latents.expand(batch, -1, -1)


def draw(model: VAEGSLM, seeds: list[int], sampling: Sampling = Sampling(), min_frames: int = 0) -> PartialTakes:
    frames = prompt_frames(model, len(seeds))
    *_, draft = generate(model, *frames, NUM_FRAMES, sampling, SeededNoise(seeds), min_frames)
    return draft


def test_cached_steps_equal_the_whole_sequence_at_every_frame(model: VAEGSLM) -> None:
    sampling = Sampling(top_p=0.9)
    cached = draw(model, [3, 4], sampling)
    noise = SeededNoise([3, 4])
    tokens, latents = prompt_frames(model, 2)
    first = model.initial_state(noise, 2)
    for _ in range(NUM_FRAMES):
        hidden = model.transform(torch.cat([first, model.fuse(tokens, latents)], dim=1))[:, -1:]
        prior = model.prior(hidden)
        base = prior.base.sample(noise.normal(2, 1, model.config.latent_dim), sampling.latent_temperature)
        token = noise.categorical(token_probabilities(prior.logits[:, 0], sampling))
        latents = torch.cat([latents, model.flow.inverse(base, prior.condition)], dim=1)
        tokens = torch.cat([tokens, token[:, None]], dim=1)
    assert torch.equal(cached.tokens, tokens)
    assert torch.allclose(cached.latents, latents, atol=1e-5)


def test_a_take_in_a_batch_is_the_take_alone(model: VAEGSLM) -> None:
    """Draws are the same to the bit; sums in another batch size are rounded differently, by some 1e-6."""
    together = draw(model, [7, 8, 9])
    for row, seed in enumerate([7, 8, 9]):
        alone = draw(model, [seed])
        assert torch.equal(together.tokens[row], alone.tokens[0])
        assert torch.allclose(together.latents[row], alone.latents[0], atol=1e-4)


def test_seeds_differ_and_repeat(model: VAEGSLM) -> None:
    first, again, other = draw(model, [1]), draw(model, [1]), draw(model, [2])
    assert torch.equal(first.latents, again.latents)
    assert torch.equal(first.tokens, again.tokens)
    assert not torch.equal(first.tokens, other.tokens)


def test_the_prompt_stays_and_zero_temperatures_leave_no_chance(model: VAEGSLM) -> None:
    tokens, latents = prompt_frames(model, 1)
    draft = draw(model, [1])
    assert torch.equal(draft.tokens[:, :PROMPT_FRAMES], tokens)
    assert torch.equal(draft.latents[:, :PROMPT_FRAMES], latents)
    model.initial_state = lambda noise, batch: torch.zeros(batch, 1, model.config.token_dim)  # type: ignore[method-assign]
    try:
        still = Sampling(token_temperature=0.0, latent_temperature=0.0)
        assert torch.equal(draw(model, [1], still).latents, draw(model, [2], still).latents)
    finally:
        del model.initial_state


def test_it_yields_the_prompt_first_and_then_every_frame(model: VAEGSLM) -> None:
    noise = SeededNoise([0])
    seen = [draft.num_frames for draft in generate(model, *prompt_frames(model, 1), 4, Sampling(), noise)]
    assert seen == [PROMPT_FRAMES + n for n in range(5)]


def eager_to_end(model: VAEGSLM, amount: float) -> None:
    model.prior_head.token_logits.bias[model.config.num_tokens] += amount


def test_a_learned_end_stops_a_take_and_is_never_a_frame(model_with_end: VAEGSLM) -> None:
    eager_to_end(model_with_end, 50.0)
    draft = draw(model_with_end, [1, 2], min_frames=6)
    assert draft.ended == [True, True]
    assert draft.lengths == [PROMPT_FRAMES + 6] * 2
    assert int(draft.tokens.max()) < model_with_end.config.num_tokens


def test_takes_end_each_on_its_own(model_with_end: VAEGSLM) -> None:
    eager_to_end(model_with_end, 1.5)
    draft = draw(model_with_end, list(range(8)))
    assert len(set(draft.lengths)) > 2
    assert draft.num_frames == max(length + end for length, end in zip(draft.lengths, draft.ended, strict=True))
    alone = draw(model_with_end, [3])
    length = draft.lengths[3]
    assert alone.lengths == [length]
    assert torch.equal(alone.tokens[0, :length], draft.tokens[3, :length])


@pytest.mark.parametrize("end", ["never", "voice"])
def test_an_end_that_was_not_asked_for_is_not_drawn(model_with_end: VAEGSLM, end: str) -> None:
    eager_to_end(model_with_end, 50.0)
    draft = draw(model_with_end, [1], Sampling.of(end=end))
    assert draft.lengths == [PROMPT_FRAMES + NUM_FRAMES]
    assert int(draft.tokens.max()) < model_with_end.config.num_tokens
