"""Decoded audio takes bounded memory: what a file holds is told by its samples, not by how small it was packed."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from undertone.engine.audio.mono_buffer import MOST_SAMPLES, MonoBuffer
from undertone.engine.audio.reading import read_audio, resample

ROOT = Path(__file__).parents[3]
MEASURE = """
import resource, sys
from undertone.engine.audio.reading import AudioLimits, read_audio
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_audio(sys.argv[1], AudioLimits(max_file_seconds=float(sys.argv[2])))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def tone(rate_hz: int, seconds: float) -> np.ndarray:
    times = np.arange(int(rate_hz * seconds)) / rate_hz
    return (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def test_what_fits_is_kept_sample_for_sample_whatever_the_blocks() -> None:
    samples = tone(96_000, 0.5)
    buffer = MonoBuffer(96_000)
    for part in np.array_split(samples, 7):
        buffer.add(part)
    assert buffer.rate_hz == 96_000
    assert torch.equal(buffer.waveform(), torch.from_numpy(samples))


@pytest.mark.parametrize("rate_hz", [88_200, 96_000, 96_001, 192_000, 384_000])
def test_a_high_rate_beyond_the_bound_is_reduced_in_time_and_level(rate_hz: int) -> None:
    samples = tone(rate_hz, 0.5)
    buffer = MonoBuffer(rate_hz, most_samples=10_000)
    for start in range(0, len(samples), 4_096):
        buffer.add(samples[start : start + 4_096])
    reduced = buffer.waveform()
    assert buffer.rate_hz == 48_000
    assert abs(len(reduced) - 24_000) <= 2
    inside = slice(1_000, 23_000)
    assert torch.allclose(reduced[inside], torch.from_numpy(tone(48_000, 0.5))[inside], atol=2e-3)


def test_a_rate_up_to_48_khz_is_never_changed() -> None:
    buffer = MonoBuffer(48_000, most_samples=1_000)
    buffer.add(tone(48_000, 0.5))
    assert (buffer.rate_hz, len(buffer.waveform())) == (48_000, 24_000)


def test_a_recording_reduced_while_it_is_read_says_the_same_to_the_model() -> None:
    file = BytesIO()
    seconds = MOST_SAMPLES / 384_000 + 1
    soundfile.write(file, tone(384_000, seconds), 384_000, format="flac")
    waveform, rate_hz = read_audio(file.getvalue())
    heard = resample(waveform, rate_hz)
    expected = torch.from_numpy(tone(16_000, seconds))
    assert rate_hz == 48_000
    assert abs(len(heard) - len(expected)) <= 2
    inside = slice(1_000, len(expected) - 1_000)
    assert torch.allclose(heard[inside], expected[inside], atol=5e-3)


@pytest.mark.parametrize(("seconds", "most_megabytes"), [(179, 250), (599, 450)])
def test_a_small_file_cannot_take_much_memory(tmp_path: Path, seconds: int, most_megabytes: int) -> None:
    """Silence of 384 kHz packs into a few kilobytes a minute; whole it would be 275 or 920 MB, held several times."""
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", samplerate=384_000, channels=1, format="FLAC", subtype="PCM_16") as file:
        second = np.zeros(384_000, dtype=np.int16)
        for _ in range(seconds):
            file.write(second)
    assert path.stat().st_size < 2_000_000
    command = [sys.executable, "-c", MEASURE, str(path), "600"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(ran.stdout) < most_megabytes
