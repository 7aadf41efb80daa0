"""What the decoder's network predicts: noise as published, or velocity."""

import pytest
import torch

from tests.tiny_bundle import tiny_model_config
from undertone.engine.config import DecoderConfig
from undertone.engine.network import VAEGSLM, Diffusion, losses
from undertone.engine.noise import BatchNoise


def decoder_with(prediction: str) -> Diffusion:
    config = tiny_model_config()
    changes = {"prediction": prediction, "input_scale": 1.0, "clamp_range": (-6.0, 6.0)}
    decoder = DecoderConfig.model_validate({**config.decoder.model_dump(), **changes})
    return Diffusion(config.model_copy(update={"decoder": decoder}))


@pytest.mark.parametrize(("prediction", "steps"), [("noise", [0, 10, 300, 700]), ("velocity", [0, 10, 300, 700, 999])])
def test_a_perfect_prediction_gives_back_the_clean_mel(prediction: str, steps: list[int]) -> None:
    decoder = decoder_with(prediction)
    times = torch.tensor(steps)
    x0, eps = torch.randn(2, len(steps), 7, 80, generator=torch.Generator().manual_seed(0)).clamp(-5, 5)
    x = decoder.q_sample(x0, times, eps)
    output = decoder.target(x0, times, eps)
    assert torch.allclose(decoder.predict_x0(x, times, output), x0, atol=2e-3)


def test_denoise_is_the_noise_whatever_the_network_predicts(monkeypatch: pytest.MonkeyPatch) -> None:
    for prediction in ("noise", "velocity"):
        decoder = decoder_with(prediction)
        times = torch.tensor([0, 500, 999])
        x0, eps = torch.randn(2, 3, 5, 80, generator=torch.Generator().manual_seed(1))
        output = decoder.target(x0, times, eps)
        monkeypatch.setattr(decoder, "raw", lambda *_, output=output: output)
        noise = decoder.denoise(decoder.q_sample(x0, times, eps), times, torch.zeros(3, 5, 24))
        assert torch.allclose(noise, eps, atol=1e-4)


def test_the_loss_of_a_network_that_says_zero_is_the_size_of_its_target() -> None:
    config = tiny_model_config()
    velocity = config.model_copy(update={"decoder": config.decoder.model_copy(update={"prediction": "velocity"})})
    model = VAEGSLM(velocity)
    torch.nn.init.zeros_(model.decoder.unet.stack.output.weight)
    torch.nn.init.zeros_(model.decoder.unet.stack.output.bias)
    mel = torch.randn(2, 12, 80, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([12, 9])
    forward = model(torch.zeros(2, 12, dtype=torch.int64), mel, lengths, mel, lengths, BatchNoise())
    expected = forward.decoder_target.abs().mean(-1).sum()
    assert torch.allclose(losses(forward).reconstruction, expected)
    assert not torch.equal(forward.decoder_target[1, 8], torch.zeros(80))
    assert torch.equal(forward.decoder_target[1, 9:], torch.zeros(3, 80))
