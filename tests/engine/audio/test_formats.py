"""Every way to the samples of a file gives what a second decoder gives: whole, in blocks, ranges, in training."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from lhotse import Recording

from tests.engine.audio.test_reading import encoded, encoded_with_av
from undertone.engine.audio import reading
from undertone.engine.audio.reading import cut, read_audio
from undertone.studies.build.recordings import read_sound
from undertone.train.corpora.cuts import cut_of, samples_of
from undertone.train.corpora.source import Source

RATE_HZ = 48_000
WRITTEN_BY_LIBSNDFILE = [
    ("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW"),
    ("WAV", "MS_ADPCM"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"),
    ("AIFF", "PCM_16"), ("CAF", "PCM_16"), ("W64", "PCM_16"), ("MP3", "MPEG_LAYER_III"),
]  # fmt: skip
WRITTEN_BY_FFMPEG = [
    ("ogg", "libopus"), ("webm", "libopus"), ("ipod", "aac"), ("mp4", "aac"), ("mov", "aac"), ("3gp", "aac"),
    ("adts", "aac"), ("matroska", "pcm_s16le"), ("mp3", "libmp3lame"), ("flac", "flac"), ("wav", "pcm_s24le"),
]  # fmt: skip


def noise(seconds: float = 4.0) -> np.ndarray:
    """Noise that fades in and out, so that a sample early or late is a large difference."""
    samples = np.random.default_rng(7).standard_normal(round(seconds * RATE_HZ)).astype(np.float32)
    smooth = np.convolve(samples, np.hanning(24) / 12, mode="same").astype(np.float32)
    return 0.5 * smooth * np.hanning(len(smooth)).astype(np.float32)


def bursts(seconds: float = 8.0) -> np.ndarray:
    """Noise that comes and goes over a tone: MP3 of variable bit rate keeps bits in earlier frames for it."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rough = np.random.default_rng(1).standard_normal(len(time)) * (np.sin(2 * np.pi * 3 * time) > 0.6)
    return (0.1 * rough + 0.1 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


VARIABLE_BIT_RATE = {"flags": "+qscale", "global_quality": str(9 * 118)}
FILES = {
    **{f"{kind} {subtype}": encoded(noise(), RATE_HZ, kind, subtype) for kind, subtype in WRITTEN_BY_LIBSNDFILE},
    **{f"{kind} by FFmpeg": encoded_with_av(noise(), RATE_HZ, kind, codec) for kind, codec in WRITTEN_BY_FFMPEG},
    "mp3 of variable bit rate": encoded_with_av(bursts(), RATE_HZ, "mp3", "libmp3lame", VARIABLE_BIT_RATE),
}
READ_BY_LIBSNDFILE = [
    name for name in FILES if not name.startswith(("webm", "ipod", "mp4", "mov", "3gp", "adts", "mat"))
]


def second_decoder(data: bytes) -> np.ndarray:
    """float32 [samples] as PyAV alone reads the file."""
    with av.open(BytesIO(data)) as container:
        converter = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
        frames = [piece for frame in container.decode(audio=0) for piece in converter.resample(frame)]
        frames += converter.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def assert_same_sound(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Decoders round differently, and disagree on how much of an encoder's padding to keep at the end."""
    shared = min(len(ours), len(theirs))
    assert abs(len(ours) - len(theirs)) <= 0.05 * RATE_HZ
    assert np.abs(ours[:shared] - theirs[:shared]).max() < 4e-3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("block_frames", [1_000, 65_536, 10_000_000])
def test_blocks_of_any_size_read_what_a_second_decoder_reads(
    name: str, block_frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_FRAMES", block_frames)
    waveform, rate_hz = read_audio(FILES[name])
    assert rate_hz == RATE_HZ
    assert_same_sound(waveform.numpy(), second_decoder(FILES[name]))


@pytest.mark.parametrize("name", FILES)
def test_a_range_is_the_same_part_of_the_second_decoders_samples(name: str) -> None:
    waveform, rate_hz = read_audio(FILES[name])
    part = cut(waveform, rate_hz, 1.0, 2.0).numpy()
    assert np.abs(part - second_decoder(FILES[name])[RATE_HZ : 2 * RATE_HZ]).max() < 4e-3


@pytest.mark.parametrize("name", ["OGG OPUS", "ogg by FFmpeg", "OGG VORBIS", "mp3 of variable bit rate"])
def test_studies_read_what_a_second_decoder_reads(name: str, tmp_path: Path) -> None:
    path = tmp_path / "sound"
    path.write_bytes(FILES[name])
    expected = reading.resample(torch.from_numpy(second_decoder(FILES[name])), RATE_HZ).numpy()
    assert_same_sound(read_sound(path).numpy(), expected)


@pytest.mark.parametrize("name", READ_BY_LIBSNDFILE)
@pytest.mark.parametrize(("start", "seconds"), [(0.0, None), (0.0, 1.5), (1.0, 1.0)])
def test_training_reads_what_a_second_decoder_reads(
    name: str, start: float, seconds: float | None, tmp_path: Path
) -> None:
    path = tmp_path / "sound"
    path.write_bytes(FILES[name])
    ours = samples_of(cut_of(Source("clip", str(path), "", "train", "", start, seconds)))
    theirs = second_decoder(FILES[name])[round(start * RATE_HZ) :]
    assert_same_sound(ours, theirs if seconds is None else theirs[: round(seconds * RATE_HZ)])


def test_training_reads_the_cuts_of_other_tools_right(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    path.write_bytes(FILES["ogg by FFmpeg"])
    ours = samples_of(Recording.from_file(path).to_cut())
    assert_same_sound(ours, second_decoder(FILES["ogg by FFmpeg"]))


@pytest.mark.parametrize(("name", "block"), [("ogg by FFmpeg", 65_536), ("mp3 of variable bit rate", 4_096)])
def test_these_files_hold_the_cases_that_libsndfile_alone_reads_wrong(name: str, block: int) -> None:
    with soundfile.SoundFile(BytesIO(FILES[name])) as file:
        naive = np.concatenate([file.read(block) for _ in range(150_000 // block)])
    assert np.abs(naive - second_decoder(FILES[name])[: len(naive)]).max() > 0.05
