"""The source-filter vocoder: its pulses are where its pitch says, and a block with its history equals the whole."""

import math

import pytest
import torch
from torch import Tensor

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import SourceFilterConfig
from undertone.engine.vocoders import SourceFilter, build_vocoder
from undertone.engine.vocoders.excitation import NOISE_SAMPLES, anchors, cycles, noise, noise_table, pulses

HOP = 320
SMALL = SourceFilterConfig(
    channels=32, hidden_channels=64, num_layers=2, pitch_channels=16, pitch_hidden_channels=32, pitch_layers=1,
    anchor_frames=6, history_frames=60,
)  # fmt: skip


def _vocoder(config: SourceFilterConfig = SMALL) -> SourceFilter:
    torch.manual_seed(0)
    vocoder = build_vocoder(config).eval()
    assert isinstance(vocoder, SourceFilter)
    torch.nn.init.normal_(vocoder.head.weight, std=0.1)
    torch.nn.init.normal_(vocoder.pitch.head.weight, std=0.5)
    return vocoder


def _mel(frames: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, frames, 80, generator=torch.Generator().manual_seed(1)) - 4.0


@pytest.mark.parametrize("frames", [1, 2, 37])
def test_every_mel_frame_gives_one_hop_of_samples_in_the_unit_range(frames: int) -> None:
    waveform = _vocoder()(_mel(frames, 2))
    assert waveform.shape == (2, frames * HOP)
    assert waveform.dtype == torch.float32
    assert torch.isfinite(waveform).all()
    assert waveform.abs().max() <= 1.0


@torch.no_grad()
@pytest.mark.parametrize("hz", [55.0, 123.4, 390.0])
def test_pulses_come_once_a_period_and_have_the_level_of_a_flat_source(hz: float) -> None:
    start = torch.zeros(1, 100, dtype=torch.int64)
    periods = cycles(torch.full((1, 100), hz), start, HOP, 16_000)
    sound = pulses(periods, torch.full((1, 100 * HOP), hz), 16_000)[0]
    assert float(sound.square().mean()) == pytest.approx(1.0, rel=0.02)
    assert float((pulses(periods, torch.full((1, 100 * HOP), hz + 1e-4), 16_000)[0] - sound).abs().max()) < 0.01
    peaks = (periods[0, 1:] < periods[0, :-1]).sum()
    assert int(peaks) == pytest.approx(hz * 2.0, abs=1)
    spectrum = torch.fft.rfft(sound * torch.hann_window(len(sound))).abs()
    assert abs(float(spectrum[: round(1.5 * hz * 2)].argmax()) / 2 - hz) < 1.0


def test_periods_go_on_smoothly_while_the_pitch_glides() -> None:
    hz = torch.linspace(80, 300, 50)[None]
    periods = cycles(hz, torch.zeros(1, 50, dtype=torch.int64), HOP, 16_000)[0]
    step = (periods[1:] - periods[:-1]) % 1.0
    # The pitch at each sample, up to the last frame's centre, behind which it stays.
    expected = torch.nn.functional.interpolate(hz[None], 49 * HOP + 1, mode="linear", align_corners=True)[0, 0] / 16_000
    torch.testing.assert_close(step[: 49 * HOP], (expected[1:] + expected[:-1]) / 2, atol=2e-6, rtol=0)


def test_an_anchor_is_where_the_voice_is_weakest_and_the_first_frame_is_one() -> None:
    level = torch.tensor([[5.0, 4, 3, 4, 5, 6, 5, 4, 2, 3, 4, 5]])
    assert anchors(level, 2).tolist() == [[0, 0, 2, 2, 2, 2, 2, 2, 8, 8, 8, 8]]


def test_noise_is_the_same_at_the_same_place() -> None:
    table = noise_table()
    assert torch.equal(noise(table, 700, 50), noise(table, 0, 1000)[700:750])
    assert torch.equal(noise(table, NOISE_SAMPLES - 5, 10)[5:], table[:5])


@torch.no_grad()
def test_a_block_with_its_history_equals_the_whole() -> None:
    vocoder = _vocoder()
    history, context = vocoder.history_frames, vocoder.context_frames
    mel = _mel(history + 3 * context + 40)
    start, stop = history + 5, history + 25
    whole = vocoder(mel)[:, start * HOP : stop * HOP]
    block = vocoder(mel[:, start - history : stop + context], first_frame=start - history)
    cut = block[:, history * HOP : (history + stop - start) * HOP]
    assert whole.std() > 1e-4
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=1e-3)
    silent = history - context  # of it, frames of which only the periods are counted
    block = vocoder(mel[:, start - history : stop + context], first_frame=start - history, history=silent)
    assert block.shape == (1, (2 * context + stop - start) * HOP)
    torch.testing.assert_close(block[:, context * HOP : -context * HOP], whole, atol=1e-5, rtol=1e-3)


@torch.no_grad()
def test_a_fresh_network_already_speaks_with_the_envelope_of_the_mel() -> None:
    torch.manual_seed(0)
    vocoder = SourceFilter(SourceFilterConfig(channels=16, hidden_channels=16, num_layers=1)).eval()
    sound = 0.05 * torch.randn(1, 32_000)
    mel = LogMel()(sound)
    made = LogMel()(vocoder(mel))
    assert float((made - mel)[:, 5:-5, 20:].mean().abs()) < 0.8  # 7 dB


def test_the_pitch_that_is_read_lies_in_its_range() -> None:
    log_hz = _vocoder().log_hz(_mel(20)).detach()
    assert log_hz.shape == (1, 20)
    assert float(log_hz.min()) >= math.log(SMALL.min_hz)
    assert float(log_hz.max()) <= math.log(SMALL.max_hz)
