"""Noise, hum, rooms and limits of the band."""

import pytest
import torch

from undertone.engine.audio.disturbances import (
    add_reverberation,
    as_loud_as,
    coloured_noise,
    hum,
    level_below,
    limit_band,
)


def test_each_disturbance_is_what_it_is_called() -> None:
    torch.manual_seed(0)
    spectrum = torch.fft.rfft(limit_band(torch.randn(16_000), 300.0, 3000.0, 16_000)).abs()
    assert spectrum[500:2500].mean() > 20 * max(spectrum[:200].mean(), spectrum[4000:].mean())
    noise = coloured_noise(16_000, -6.0, 16_000)
    assert float(noise.square().mean()) == pytest.approx(1.0, rel=1e-3)
    level = torch.fft.rfft(noise).abs().square()
    assert float((level[400:800].mean() / level[800:1600].mean()).log10() * 10) == pytest.approx(6.0, abs=1.5)
    mains = torch.fft.rfft(hum(16_000, 16_000)).abs()
    assert int(mains.argmax()) % 50 in (0, 10, 20, 30, 40)
    click = torch.zeros(8000)
    click[100] = 1.0
    tail = add_reverberation(click, 0.3, 0.5, 16_000)
    assert float(tail[100]) == pytest.approx(1.0)
    assert float(tail[101:1000].square().sum()) > 100 * float(tail[4000:4900].square().sum())
    assert level_below(noise, 20.0) == pytest.approx(0.1, rel=1e-3)
    assert float(as_loud_as(click, 0.1 * noise).square().mean().sqrt()) == pytest.approx(0.1, rel=1e-3)
