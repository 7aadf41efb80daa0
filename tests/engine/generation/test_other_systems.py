"""The other systems of the paper's comparison: each opens, continues, streams and replays as VAE-GSLM does."""

import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.tiny_bundle import OTHER_SYSTEMS, change_config, make_tiny_bundle, tiny_model_config
from undertone.engine import Engine, Sampling
from undertone.engine.bundle import CONFIG_FILE, load_bundle
from undertone.engine.generation.speech import Speech
from undertone.engine.network import VAEGSLM
from undertone.engine.noise import SeededNoise

RATE = 16_000
SAMPLING = Sampling(steps=2, end="never")


@pytest.fixture(scope="module", params=OTHER_SYSTEMS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("systems") / "bundle"
    engine = Engine.from_pretrained(make_tiny_bundle(folder, changes=OTHER_SYSTEMS[request.param]), device="cpu")
    assert engine.bundle.config.model.system == request.param
    return engine


@pytest.fixture
def speech(engine: Engine, prompt: Tensor) -> Speech:
    return engine.analyse(prompt, RATE, end_seconds=1.5)


def test_a_stream_is_the_whole_and_a_replay_the_same(engine: Engine, speech: Speech, prompt: Tensor) -> None:
    config = engine.bundle.config.model
    assert speech.latents.shape == (speech.num_frames, config.latent_dim)
    takes = engine.takes(speech, 2.0, SAMPLING, seed=3, num_takes=2)
    chunks = list(engine.stream(speech, 2.0, SAMPLING, seed=3, num_takes=2))
    for number, take in enumerate(takes):
        assert take.speech.num_frames == speech.num_frames + 100
        assert torch.equal(torch.cat([chunk.of(number) for chunk in chunks]), take.audio)
        assert torch.isfinite(take.audio).all()
    again = engine.replay(takes[1].settings, prompt, RATE)
    assert torch.equal(again.audio, takes[1].audio)
    assert not torch.equal(takes[0].audio, takes[1].audio)


def test_frames_and_seed_of_a_take_give_its_samples(engine: Engine, speech: Speech) -> None:
    take = engine.continue_(speech, 1.0, SAMPLING, seed=5)
    said = take.speech
    assert torch.equal(engine.synthesise(said.tokens, said.latents, said.utterance, SAMPLING, seed=5), take.audio)


def test_a_cached_continuation_is_that_of_whole_passes(engine: Engine, speech: Speech) -> None:
    """Greedy, so that every frame follows from those before it alone."""
    model = engine.bundle.model
    greedy = SAMPLING.model_copy(update={"token_temperature": 0.0, "latent_temperature": 0.0})
    take = engine.continue_(speech, 0.4, greedy, seed=1).speech
    noise = SeededNoise([1])
    prior, _, _ = model.predict(take.tokens[None], take.latents[None], noise)
    drawn = slice(speech.num_frames, None)
    assert torch.equal(prior.logits[0, drawn, : model.config.num_tokens].argmax(-1), take.tokens[drawn])
    if model.config.beside == "codes":
        codes = take.latents[None]
        expected = model.prior_head.depth(prior.condition, take.tokens[None], codes[..., :-1]).argmax(-1)
        assert torch.equal(expected[0, drawn].float(), take.latents[drawn])
    if model.config.beside == "pitch":
        assert torch.allclose(prior.base.mean[0, drawn], take.latents[drawn], atol=1e-5)


def test_latents_of_a_joint_head_follow_the_frames_own_token() -> None:
    """And a token follows from the frames before it alone, as without one."""
    torch.manual_seed(0)
    model = VAEGSLM(change_config(tiny_model_config(), {"joint_head": True}))
    tokens, latents = torch.zeros(1, 6, dtype=torch.int64), torch.randn(1, 6, 4)
    other = tokens.clone()
    other[0, 3] = 5
    one, two = (model.predict(given, latents, SeededNoise([1]))[0] for given in (tokens, other))
    assert torch.equal(one.logits[:, :4], two.logits[:, :4])
    assert torch.equal(one.mean[:, :3], two.mean[:, :3])
    assert not torch.equal(one.mean[:, 3], two.mean[:, 3])
    with pytest.raises(ValueError, match="none was given"):
        model.prior(torch.zeros(1, 1, 32))


def test_an_older_bundle_has_none_of_the_new_keys(tiny_folder: Path, engine: Engine) -> None:
    """Its file is what it was, and so are its fingerprint and the takes saved with it."""
    model = json.loads((tiny_folder / CONFIG_FILE).read_text())["model"]
    assert "beside" not in model
    dumped = json.loads(load_bundle(tiny_folder).config.model_dump_json())["model"]
    assert dumped == model


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"beside": "nothing"}, "latent_dim must be 0 where beside is 'nothing', got 4"),
        ({"beside": "pitch"}, "latent_dim must be 1 where beside is 'pitch', got 4"),
        ({"latent_dim": 0}, "latent_dim must be even .* and not 0"),
        ({"latent_dim": 3}, "latent_dim must be even"),
        ({"beside": "codes", "latent_dim": 9}, "the levels of the codes, 3 to 8, got 9"),
        ({"codes": {"num_entries": 64}}, "codes are set, and beside is 'latents': a VAE-GSLM has none"),
        ({"joint_head": True, "num_tokens": 1}, "a VAE-GSLM - tokens does not have both"),
        ({"joint_head": True, "beside": "pitch", "latent_dim": 1}, r"a Token-LM \+ Pitch does not have both"),
        ({"beside": "nothing", "latent_dim": 0, "num_tokens": 1}, "says nothing: a model without tokens has latents"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_the_reason(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        change_config(tiny_model_config(), changes)
