"""Decoders in the diffusion's place: the same network, conditions and calls."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.tiny_bundle import change_config, make_tiny_bundle, tiny_model_config
from undertone.engine import Engine, Sampling
from undertone.engine.config import ModelConfig
from undertone.engine.network import VAEGSLM, TrainingDraws, losses
from undertone.engine.network.decoder.build import build_decoder
from undertone.engine.noise import SeededNoise

KINDS = ("flow_matching", "regression")


def changes_of(kind: str, **more: Any) -> dict[str, Any]:
    return {"decoder": tiny_model_config().decoder.model_dump() | {"kind": kind, **more}}


def config_of(kind: str, **more: Any) -> ModelConfig:
    return change_config(tiny_model_config(), changes_of(kind, **more))


def test_every_kind_has_the_weights_of_diffusion() -> None:
    shapes = [
        {key: value.shape for key, value in VAEGSLM(config).state_dict().items()}
        for config in (tiny_model_config(), *map(config_of, KINDS))
    ]
    assert shapes[0] == shapes[1] == shapes[2]


def test_a_perfect_velocity_leads_from_noise_to_the_mel(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = build_decoder(config_of("flow_matching", input_scale=1.0, clamp_range=(-6.0, 6.0)))
    x0, eps = torch.randn(2, 1, 7, 80, generator=torch.Generator().manual_seed(0)).clamp(-5, 5)
    for t in (0, 400, 999):
        times = torch.tensor([t])
        x = decoder.q_sample(x0, times, eps)
        assert torch.allclose(decoder.predict_x0(x, times, decoder.target(x0, times, eps)), x0, atol=1e-5)
    monkeypatch.setattr(decoder.unet, "denoise", lambda x, t, *_: (x - x0) / ((t + 1) / 1000)[:, None, None])
    for steps in (1, 5):
        sampled = decoder.sample(torch.zeros(1, 7, 24), None, SeededNoise([1]), steps=steps)
        assert torch.allclose(sampled, x0, atol=1e-4)


def test_regression_is_one_evaluation_without_noise() -> None:
    torch.manual_seed(0)
    decoder = build_decoder(config_of("regression"))
    condition = torch.randn(1, 7, 24)
    calls: list[None] = []
    one, two = (
        decoder.sample(condition, None, SeededNoise([seed]), steps=steps, before_step=lambda: calls.append(None))
        for seed, steps in ((1, 3), (2, 9))
    )
    assert torch.equal(one, two)
    assert len(calls) == 2
    draws = torch.zeros(1, dtype=torch.int64)
    expected = decoder.raw(torch.zeros(1, 7, 80), draws, condition).clamp(*decoder.config.clamp_range)
    assert torch.allclose(one, expected * decoder.config.input_scale, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_its_loss_falls_on_one_batch(kind: str) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(config_of(kind))
    generator = torch.Generator().manual_seed(0)
    mel, lengths = torch.randn(2, 20, 80, generator=generator), torch.tensor([20, 13])
    tokens = torch.randint(0, 24, (2, 20), generator=generator)
    draws = TrainingDraws.draw(network.config, SeededNoise([1, 2]), 2, 20)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    errors = []
    for _ in range(3):
        error = losses(network.training_pass(tokens, mel, lengths, mel, lengths, draws, "decoder")).reconstruction
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_streams_what_it_makes_at_once(kind: str, prompt: Tensor, tmp_path: Path) -> None:
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path / "bundle", changes=changes_of(kind)), device="cpu")
    speech = engine.analyse(prompt, 16_000, end_seconds=1.5)
    sampling = Sampling(steps=3, end="never")
    take = engine.continue_(speech, 2.0, sampling, seed=4)
    assert torch.equal(torch.cat([chunk.of(0) for chunk in engine.stream(speech, 2.0, sampling, seed=4)]), take.audio)
    assert torch.equal(engine.replay(take.settings, prompt, 16_000).audio, take.audio)


@pytest.mark.parametrize(
    ("kind", "more", "reason"),
    [
        ("flow_matching", {"prediction": "velocity"}, "prediction is 'velocity', a choice of diffusion"),
        ("regression", {"guidance": 2.0}, "guidance is 2; regression draws nothing that could be guided"),
        ("flow_matching", {"guidance_rescale": 0.7}, r"guidance_rescale is 0\.7, a choice of diffusion"),
    ],
)
def test_choices_of_another_kind_are_refused(kind: str, more: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        config_of(kind, **more)
