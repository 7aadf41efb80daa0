"""The voice's end: our stateless network equals the packaged one, the cut follows the rule and never goes back."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from undertone.engine.audio.voice_activity import VoiceActivity, VoiceEnd, last_speech_end
from undertone.engine.config import SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def network() -> VoiceActivity:
    return VoiceActivity.load()


def voiced(seconds: float, seed: int = 0) -> torch.Tensor:
    """A buzz with moving formants, which Silero takes for speech."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch = 120 + 15 * torch.sin(2 * torch.pi * 2.1 * time)
    phase = 2 * torch.pi * torch.cumsum(pitch, 0) / SAMPLE_RATE_HZ
    formant = 700 + 300 * torch.sin(2 * torch.pi * 3.3 * time)
    harmonics = sum(
        torch.exp(-(((k * pitch - formant) / 250) ** 2)) * torch.sin(k * phase)
        + 0.4 * torch.exp(-(((k * pitch - 1800) / 300) ** 2)) * torch.sin(k * phase)
        for k in range(1, 30)
    )
    syllables = (0.5 + 0.5 * torch.sin(2 * torch.pi * 4 * time)).clamp(min=0.15)
    wave = torch.as_tensor(harmonics) * syllables + 0.002 * torch.randn(time.shape, generator=generator)
    return 0.3 * wave / wave.abs().max()


def quiet(seconds: float) -> torch.Tensor:
    return 1e-4 * torch.randn(round(seconds * SAMPLE_RATE_HZ), generator=torch.Generator().manual_seed(1))


def test_probabilities_equal_the_packaged_model(network: VoiceActivity) -> None:
    from silero_vad import load_silero_vad

    packaged = load_silero_vad()
    waveform = torch.cat([quiet(0.5), voiced(1.5), quiet(0.7), voiced(0.9)])
    track = VoiceEnd(network, 0)
    track.feed(waveform)
    track.finish()
    whole = waveform[: waveform.numel() // 512 * 512]
    expected = [packaged(window, SAMPLE_RATE_HZ).item() for window in whole.split(512)]
    assert track.probabilities[: len(expected)] == pytest.approx(expected, abs=1e-4)
    assert max(expected) > 0.9
    assert min(expected) < 0.1


def test_the_cut_is_a_quarter_second_behind_the_last_speech(network: VoiceActivity) -> None:
    track = VoiceEnd(network, 0)
    track.feed(torch.cat([voiced(2.5), quiet(3.0)]))
    assert track.finish() / SAMPLE_RATE_HZ == pytest.approx(2.75, abs=0.15)


def test_a_short_burst_after_the_speech_is_dropped(network: VoiceActivity) -> None:
    track = VoiceEnd(network, 0)
    track.feed(torch.cat([voiced(2.5), quiet(1.5), voiced(0.6), quiet(1.0)]))
    assert track.finish() / SAMPLE_RATE_HZ == pytest.approx(2.75, abs=0.15)


def test_speech_up_to_the_end_is_kept_whole(network: VoiceActivity) -> None:
    track = VoiceEnd(network, 0)
    track.feed(voiced(3.0))
    assert track.finish() == 3 * SAMPLE_RATE_HZ


def test_silence_is_kept_up_to_what_was_asked_for(network: VoiceActivity) -> None:
    track = VoiceEnd(network, 20_000)
    assert track.feed(quiet(0.5)) == 8_000
    assert track.feed(quiet(2.0)) == 20_000
    assert track.finish() == 20_000


def test_what_was_promised_is_never_taken_back(network: VoiceActivity) -> None:
    waveform = torch.cat([voiced(1.0), quiet(1.0), voiced(0.5, 1), quiet(0.8), voiced(2.0, 2), quiet(1.5)])
    track = VoiceEnd(network, 4_000)
    promises = [track.feed(piece) for piece in waveform.split(5_000)] + [track.finish()]
    assert promises == sorted(promises)
    assert promises[-1] <= waveform.numel()


def test_pieces_give_the_same_probabilities_as_the_whole(network: VoiceActivity) -> None:
    waveform = torch.cat([voiced(1.3), quiet(0.4)])
    whole, pieces = VoiceEnd(network, 0), VoiceEnd(network, 0)
    whole.feed(waveform)
    for piece in waveform.split(777):
        pieces.feed(piece)
    whole.finish()
    pieces.finish()
    assert pieces.probabilities == pytest.approx(whole.probabilities, abs=1e-4)


@pytest.mark.parametrize(
    ("segments", "end"),
    [
        ([], 0),
        ([(0, 8_000)], 8_000),
        ([(0, 40_000)], 40_000),
        ([(0, 8_000), (16_000, 24_000)], 8_000),
        ([(0, 8_000), (16_000, 48_000)], 48_000),
    ],
)
def test_the_rule_for_the_last_segment(segments: list[tuple[int, int]], end: int) -> None:
    assert last_speech_end(segments) == end


def test_the_number_of_threads_is_left_alone() -> None:
    code = (
        "import torch; torch.set_num_threads(2); from undertone.engine.audio.voice_activity import VoiceActivity; "
        "VoiceActivity.load(); "
        "assert torch.get_num_threads() == 2"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
