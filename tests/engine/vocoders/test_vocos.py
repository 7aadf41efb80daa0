"""Vocos and Griffin-Lim: exact length, alignment with the mel, block-wise equals whole, fundamental frequency kept."""

import math

import pytest
import torch
from torch import Tensor

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import GriffinLimConfig, MelConfig, VocosConfig
from undertone.engine.vocoders import GriffinLim, Vocos, build_vocoder

HOP_SAMPLES = 320
SMALL = VocosConfig(channels=32, hidden_channels=64, num_layers=2)
SMALL_DOUBLED = VocosConfig(channels=32, hidden_channels=64, num_layers=2, n_fft=640, frames_per_mel=2)
BOTH = pytest.mark.parametrize("config", [SMALL, SMALL_DOUBLED], ids=["one frame", "two frames"])


def _vocos(config: VocosConfig) -> Vocos:
    torch.manual_seed(0)
    vocoder = Vocos(config).eval()
    torch.nn.init.normal_(vocoder.head.weight, std=0.3)  # a fresh head hardly depends on its input
    return vocoder


def _vowel(fundamental_hz: float, seconds: float = 1.0) -> Tensor:
    """A buzz with a falling spectrum, float32 [samples]."""
    time = torch.arange(int(16_000 * seconds)) / 16_000
    harmonics = [torch.sin(2 * math.pi * fundamental_hz * k * time + k) / k for k in range(1, 20)]
    return 0.1 * torch.stack(harmonics).sum(0)


def _fundamental_hz(waveform: Tensor) -> float:
    """The best lag of the autocorrelation between 70 and 400 Hz."""
    middle = waveform[len(waveform) // 4 : -len(waveform) // 4]
    spectrum = torch.fft.rfft(middle, 4 * len(middle)).abs().square()
    correlation = torch.fft.irfft(spectrum)
    lags = torch.arange(16_000 // 400, 16_000 // 70)
    return 16_000 / float(lags[correlation[lags].argmax()])


@BOTH
@pytest.mark.parametrize("frames", [1, 2, 37])
def test_every_mel_frame_gives_one_hop_of_samples(config: VocosConfig, frames: int) -> None:
    waveform = _vocos(config)(torch.randn(2, frames, 80))
    assert waveform.shape == (2, frames * HOP_SAMPLES)
    assert waveform.dtype == torch.float32
    assert waveform.abs().max() <= 1.0


def test_samples_never_leave_the_unit_range() -> None:
    vocoder = _vocos(SMALL)
    torch.nn.init.constant_(vocoder.head.bias, 20.0)
    waveform = vocoder(torch.randn(1, 10, 80))
    assert torch.isfinite(waveform).all()
    assert waveform.abs().max() <= 1.0


@BOTH
def test_a_block_with_context_equals_the_whole(config: VocosConfig) -> None:
    vocoder = _vocos(config)
    context = vocoder.context_frames
    mel = torch.randn(1, 3 * context + 20, 80)
    start, stop = context + 3, context + 16
    with torch.no_grad():
        whole = vocoder(mel)[:, start * HOP_SAMPLES : stop * HOP_SAMPLES]
        block = vocoder(mel[:, start - context : stop + context])
    cut = block[:, context * HOP_SAMPLES : (context + stop - start) * HOP_SAMPLES]
    assert whole.std() > 0.01
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=1e-4)


@BOTH
def test_a_frame_only_changes_samples_within_its_context(config: VocosConfig) -> None:
    vocoder = _vocos(config)
    context, frame = vocoder.context_frames, 60
    mel = torch.randn(1, 120, 80)
    changed = mel.clone()
    changed[:, frame] += 3.0
    with torch.no_grad():
        difference = (vocoder(mel) - vocoder(changed)).abs()[0].view(120, HOP_SAMPLES).amax(1)
    assert difference[frame - 1 : frame + 2].min() > 1e-4
    # What is heard of a frame lies around its centre, sample 320 * i, which starts hop i.
    assert difference[: frame - context].max() < 1e-5
    assert difference[frame + context + 1 :].max() < 1e-5


def test_an_impulse_lies_where_its_mel_frame_is_centred() -> None:
    """One loud frame of a fresh generator, whose phases are those of an impulse, is heard at sample 320 * i."""
    vocoder = Vocos(VocosConfig(channels=8, hidden_channels=8, num_layers=1)).eval()
    loud = 20
    features = torch.zeros(1, 41, 8)
    features[:, loud, 0] = 1.0
    with torch.no_grad():
        vocoder.head.weight.zero_()
        bins = vocoder.config.n_fft // 2 + 1
        vocoder.head.weight[:bins, 0] = 6.0  # log magnitude
        energy = vocoder.waveform(features)[0].square()
    assert int(energy.argmax()) == loud * HOP_SAMPLES
    centre = (energy * torch.arange(len(energy))).sum() / energy.sum()
    assert abs(float(centre) - loud * HOP_SAMPLES) < 80


@pytest.mark.parametrize("fundamental_hz", [110.0, 220.0])
def test_griffin_lim_keeps_the_fundamental_frequency_of_a_vowel(fundamental_hz: float) -> None:
    vowel = _vowel(fundamental_hz)
    torch.manual_seed(0)
    made = GriffinLim()(LogMel()(vowel)[None])[0]
    assert len(made) == len(vowel)
    assert _fundamental_hz(made) == pytest.approx(fundamental_hz, rel=0.03)


def test_griffin_lim_is_aligned_with_its_mel() -> None:
    silence = torch.zeros(16_000)
    silence[6_400:9_600] = _vowel(150.0)[:3_200]
    made = GriffinLim()(LogMel()(silence)[None])[0]
    energy = made.square()
    centre = (energy * torch.arange(len(energy))).sum() / energy.sum()
    assert abs(float(centre) - 8_000) < 80


def test_each_configuration_builds_its_vocoder() -> None:
    assert isinstance(build_vocoder(SMALL), Vocos)
    assert isinstance(build_vocoder(GriffinLimConfig(iterations=2)), GriffinLim)


def test_the_mel_is_normalised_inside() -> None:
    torch.manual_seed(0)
    vocoder = _vocos(SMALL)
    shifted = Vocos(SMALL.model_copy(update={"mel": MelConfig(mean=0.5)})).eval()
    shifted.load_state_dict(vocoder.state_dict())
    mel = torch.randn(1, 20, 80)
    with torch.no_grad():
        torch.testing.assert_close(vocoder(mel), shifted(mel + 2.0), atol=1e-4, rtol=1e-3)
