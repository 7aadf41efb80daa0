"""Classifier-free guidance of the diffusion decoder: what it is away from, and that 1 is none of it."""

from pathlib import Path

import pytest
import torch

from tests.engine.network.network_sizes import random_model, sized_config
from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import Engine, Sampling, SettingsError
from undertone.engine.bundle import load_bundle, save_bundle
from undertone.engine.generation.speech import Speech
from undertone.engine.network import VAEGSLM
from undertone.engine.noise import SeededNoise
from undertone.engine.prosody import resynthesise

VELOCITY = {"prediction": "velocity", "input_scale": 1.0, "clamp_range": (-6.5, 4.0)}  # noise is mostly clamped


def with_guidance(guidance: float) -> VAEGSLM:
    config = sized_config("six heads")
    decoder = config.decoder.model_copy(update={**VELOCITY, "guidance": guidance})
    return random_model(config.model_copy(update={"decoder": decoder}))


@pytest.fixture(scope="module")
def guided() -> VAEGSLM:
    return with_guidance(2.0)


@pytest.fixture(scope="module")
def condition(guided: VAEGSLM) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, 9, guided.config.token_dim + guided.config.utterance.dim, generator=generator)


def sampled(model: VAEGSLM, condition: torch.Tensor, guidance: float | None, steps: int = 3) -> torch.Tensor:
    noise = SeededNoise([7, 8][-condition.shape[0] :])
    return model.decoder.sample(condition, None, noise, "dpm++", steps, guidance=guidance)


def test_the_models_own_guidance_is_used_unless_told_otherwise(guided: VAEGSLM, condition: torch.Tensor) -> None:
    assert torch.equal(sampled(guided, condition, None), sampled(guided, condition, 2.0))
    assert not torch.equal(sampled(guided, condition, None), sampled(guided, condition, 1.0))
    assert torch.equal(sampled(with_guidance(1.0), condition, None), sampled(guided, condition, 1.0))


def test_one_step_goes_past_the_conditional_prediction_by_the_guidance(
    guided: VAEGSLM, condition: torch.Tensor
) -> None:
    decoder, mel = guided.decoder, SeededNoise([7, 8]).normal(2, 9, 80)
    latest = torch.full((2,), 999)
    conditional = decoder.raw(mel, latest, condition)
    unconditional = decoder.raw(mel, latest, decoder.null_condition(condition))
    output = unconditional + 2.5 * (conditional - unconditional)
    expected = decoder.predict_x0(mel, latest, output) * guided.config.decoder.input_scale
    assert torch.allclose(sampled(guided, condition, 2.5, steps=1), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mask", [None, torch.arange(9) < torch.tensor([[9], [6]])], ids=["whole", "padded"])
def test_rescaled_guidance_keeps_mean_and_spread_and_no_rescaling_is_none(
    guided: VAEGSLM, condition: torch.Tensor, mask: torch.Tensor | None
) -> None:
    decoder, x = guided.decoder, 0.1 * SeededNoise([7, 8]).normal(2, 9, 80)
    found = {}
    for rescale in (0.0, 0.5, 1.0):
        decoder.config = decoder.config.model_copy(update={"guidance_rescale": rescale, "clamp_range": (-99.0, 99.0)})
        for guidance in (1.0, 4.0):
            found[rescale, guidance] = decoder.predictor(condition, mask, guidance)(x, 500)[0]
    decoder.config = guided.config.decoder
    assert torch.equal(found[0.0, 1.0], found[1.0, 1.0]), "nothing is guided"
    for row, length in enumerate((9, 9) if mask is None else (9, 6)):
        free, half, kept, origin = (
            found[key][row, :length] for key in ((0.0, 4.0), (0.5, 4.0), (1.0, 4.0), (0.0, 1.0))
        )
        assert not torch.isclose(free.std(), origin.std(), rtol=1e-4)
        torch.testing.assert_close(kept.mean(), origin.mean(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(kept.std(unbiased=False), origin.std(unbiased=False), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(half, (free + kept) / 2, atol=1e-5, rtol=1e-4)
    if mask is not None:
        assert not found[1.0, 4.0][1, 6:].any()


def test_x0_and_noise_of_a_rescaled_prediction_belong_together(guided: VAEGSLM, condition: torch.Tensor) -> None:
    decoder, x = guided.decoder, SeededNoise([7, 8]).normal(2, 9, 80)
    decoder.config = decoder.config.model_copy(update={"guidance_rescale": 0.7})
    x0, eps = decoder.predictor(condition, None, 2.0)(x, 500)
    decoder.config = guided.config.decoder
    torch.testing.assert_close(decoder.q_sample(x0, torch.tensor([500, 500]), eps), x, atol=1e-4, rtol=1e-4)


def test_the_null_condition_gives_the_same_at_every_guidance(guided: VAEGSLM, condition: torch.Tensor) -> None:
    null = guided.decoder.null_condition(condition)
    assert torch.allclose(sampled(guided, null, 4.0, steps=1), sampled(guided, null, 1.0, steps=1), atol=1e-3)
    assert torch.equal(null[..., guided.config.token_dim :], condition[..., guided.config.token_dim :])
    assert not null[..., : guided.config.token_dim].any()


def test_a_guided_row_of_a_batch_is_sampled_as_alone(guided: VAEGSLM, condition: torch.Tensor) -> None:
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[0, 6:] = False
    both = guided.decoder.sample(condition, mask, SeededNoise([7, 8]), "dpm++", 3)
    alone = sampled(guided, condition[1:], None)
    assert (both[1:] - alone).abs().max() < 5e-3 * alone.abs().max()  # random weights magnify rounding
    assert not both[0, 6:].any()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same weights in a bundle without guidance and in one with it."""
    plain = make_tiny_bundle(tmp_path_factory.mktemp("guidance") / "plain")
    bundle = load_bundle(plain)
    decoder = bundle.config.model.decoder.model_copy(update={"guidance": 2.0})
    model = bundle.config.model.model_copy(update={"decoder": decoder})
    config = bundle.config.model_copy(update={"model": model})
    return plain, save_bundle(plain.parent / "guided", config, bundle.model, bundle.vocoder, bundle.tokenizer)


def spoken(engine: Engine, prompt: torch.Tensor) -> Speech:
    return engine.analyse(prompt, 16_000)


def test_a_model_that_was_not_trained_for_it_says_so(folders: tuple[Path, Path], prompt: torch.Tensor) -> None:
    engine = Engine.from_pretrained(folders[0])
    speech, sampling = spoken(engine, prompt), Sampling(guidance=2.0)
    for ask in (
        lambda: engine.continue_(speech, 0.2, sampling),
        lambda: engine.synthesise(speech.tokens, speech.latents, speech.utterance, sampling),
        lambda: resynthesise(engine, speech, sampling=sampling),
    ):
        with pytest.raises(SettingsError, match=r"guidance is 2.*'tiny' was trained without"):
            ask()
    unguided = [engine.continue_(speech, 0.2, Sampling(guidance=value), seed=1).audio for value in (None, 1.0)]
    assert torch.equal(*unguided)


def test_a_guided_bundle_sounds_otherwise_and_its_takes_come_again(
    folders: tuple[Path, Path], prompt: torch.Tensor
) -> None:
    plain, guided = (Engine.from_pretrained(folder) for folder in folders)
    takes = [engine.continue_(spoken(engine, prompt), 0.4, seed=1) for engine in (plain, guided)]
    assert torch.equal(takes[0].speech.tokens, takes[1].speech.tokens)  # what is said is not the decoder's
    assert not torch.equal(takes[0].audio, takes[1].audio)
    assert torch.equal(guided.replay(takes[1].settings, prompt, 16_000).audio, takes[1].audio)
    without = guided.continue_(spoken(guided, prompt), 0.4, Sampling(guidance=1.0), seed=1)
    assert torch.equal(without.audio, takes[0].audio)
