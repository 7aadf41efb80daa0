"""Reading sound: every format a person has, every limit with its own refusal, and never any other error."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from undertone.engine.audio.reading import AudioLimits, check_prompt, cut, loudest_dbfs, read_audio, resample
from undertone.engine.errors import AudioError


def tone(seconds: float = 2.0, rate_hz: int = 16_000, hz: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def encoded(samples: np.ndarray, rate_hz: int, kind: str, subtype: str | None = None) -> bytes:
    buffer = BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
    return buffer.getvalue()


def encoded_with_av(
    samples: np.ndarray, rate_hz: int, container: str, codec: str, options: dict[str, str] | None = None
) -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="mono", options=options or {})
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        converter = av.AudioResampler(format=stream.format, layout="mono", rate=rate_hz, frame_size=stream.frame_size)
        for piece in [*converter.resample(frame), *converter.resample(None)]:
            output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def peak_hz(waveform: torch.Tensor, rate_hz: int) -> float:
    return float(torch.fft.rfft(waveform).abs().argmax()) * rate_hz / waveform.numel()


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 44_101])
@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_any_rate_becomes_16_khz_with_the_same_pitch(rate_hz: int, kind: str) -> None:
    waveform, rate = read_audio(encoded(tone(rate_hz=rate_hz), rate_hz, kind))
    prompt = check_prompt(waveform, rate)
    assert rate == rate_hz
    assert prompt.numel() == pytest.approx(32_000, abs=40)
    assert peak_hz(prompt, 16_000) == pytest.approx(440.0, abs=1.0)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_U8"),
        ("WAV", "FLOAT"),
        ("WAV", "IMA_ADPCM"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
        ("AIFF", "PCM_16"),
        ("CAF", "PCM_16"),
        ("W64", "PCM_16"),
        ("FLAC", "PCM_24"),
    ],
)
def test_every_format_of_files_is_read(kind: str, subtype: str | None) -> None:
    waveform, rate = read_audio(encoded(tone(rate_hz=48_000), 48_000, kind, subtype))
    assert rate == 48_000
    assert waveform.dtype == torch.float32
    assert waveform.numel() / rate == pytest.approx(2.0, abs=0.1)
    assert peak_hz(waveform, rate) == pytest.approx(440.0, abs=2.0)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("ipod", "aac"),
        ("mp4", "aac"),
        ("webm", "libopus"),
        ("ogg", "libopus"),
        ("matroska", "pcm_s16le"),
        ("adts", "aac"),
    ],
)
def test_what_browsers_and_phones_record_is_read(container: str, codec: str) -> None:
    waveform, rate = read_audio(encoded_with_av(tone(rate_hz=48_000), 48_000, container, codec))
    assert rate == 48_000
    assert waveform.numel() / rate == pytest.approx(2.0, abs=0.1)
    assert peak_hz(waveform, rate) == pytest.approx(440.0, abs=2.0)


def test_stereo_is_averaged() -> None:
    left = tone()
    waveform, _ = read_audio(encoded(np.stack([left, np.zeros_like(left)], 1), 16_000, "WAV", "FLOAT"))
    assert torch.equal(waveform, torch.from_numpy(left) / 2)


def test_path_bytes_and_file_object_read_the_same(tmp_path: Path) -> None:
    data = encoded(tone(), 16_000, "WAV")
    path = tmp_path / "tone.wav"
    path.write_bytes(data)
    expected, _ = read_audio(data)
    for source in (path, str(path), bytearray(data), memoryview(data), BytesIO(data)):
        assert torch.equal(read_audio(source)[0], expected)


@pytest.mark.parametrize(
    "samples",
    [
        (tone() * 32_767).astype(np.int16),
        (tone() * 2_147_483_000).astype(np.int32),
        (tone() * 127 + 128).astype(np.uint8),
        np.stack([tone(), tone()], 1).astype(np.float64),
    ],
    ids=["int16", "int32", "uint8", "stereo float64"],
)
def test_samples_of_any_type_are_scaled_alike(samples: np.ndarray) -> None:
    assert torch.allclose(check_prompt(samples, 16_000), torch.from_numpy(tone()), atol=2 / 127)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(0, np.float32), "empty"),
        (tone(0.5), "at least 1 s"),
        (tone(61.0), "at most 60 s"),
        (np.zeros(32_000, np.float32), "silent"),
        (np.full(32_000, 0.4, np.float32), "silent"),
        (tone() * 1e-3, "silent"),
        (np.clip(tone() * 20, -1, 1), "clipped"),
        (np.where(tone() > 0.4, np.inf, tone()), "not numbers"),
        (np.full(32_000, np.nan, np.float32), "not numbers"),
        (np.zeros((4, 4, 4), np.float32), "shape"),
        (np.zeros((100, 40), np.float32), "40 channels"),
        (np.array(["a", "b"]), "type"),
    ],
)
def test_each_limit_has_its_own_refusal(samples: np.ndarray, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        check_prompt(samples, 16_000)


@pytest.mark.parametrize("rate_hz", [0, -1, 1, 3_999, 10**9])
def test_absurd_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        check_prompt(tone(), rate_hz)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "empty"),
        (b"hello, this is text, not sound", "not a sound file"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a sound file"),
        (encoded(np.zeros((0, 1), np.float32), 16_000, "WAV"), "no samples"),
        (encoded(tone(), 16_000, "WAV")[:40], "damaged|no samples"),
        (b"\x00\x00\x00\x20ftypM4A " + bytes(200), "damaged|no sound"),
        ("/no/such/file.wav", "cannot open"),
        ("a\0b", "cannot open"),
        (encoded(np.zeros((1000, 17), np.float32), 16_000, "WAV"), "17 channels"),
        (encoded(tone(0.1, 2_000), 2_000, "WAV"), "sample rate"),
    ],
)
def test_files_that_are_not_sound_are_refused(source: bytes | str, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        read_audio(source)


def test_large_and_long_files_are_refused() -> None:
    data = encoded(tone(), 16_000, "WAV")
    with pytest.raises(AudioError, match="larger than"):
        read_audio(data, AudioLimits(max_bytes=1_000))
    with pytest.raises(AudioError, match="longer than 1 s"):
        read_audio(data, AudioLimits(max_file_seconds=1.0))


def test_a_header_that_promises_too_much_is_harmless() -> None:
    data = bytearray(encoded(tone(), 16_000, "WAV"))
    data[40:44] = (2**32 - 1).to_bytes(4, "little")  # size of the data chunk
    try:
        waveform, _ = read_audio(bytes(data))
        assert waveform.numel() <= 32_000
    except AudioError:
        pass


def test_cut_and_its_refusals() -> None:
    waveform = torch.arange(32_000.0)
    assert torch.equal(cut(waveform, 16_000, 0.5, 1.5), waveform[8_000:24_000])
    assert torch.equal(cut(waveform, 16_000, 0.5, 99.0), waveform[8_000:])
    for start, end in [(-1.0, 1.0), (1.0, 1.0), (3.0, None), (float("nan"), 1.0)]:
        with pytest.raises(AudioError, match="cannot cut"):
            cut(waveform, 16_000, start, end)


def test_level_is_in_db_below_full_scale() -> None:
    assert loudest_dbfs(torch.from_numpy(tone()), 16_000) == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=0.1)


def test_resampling_an_odd_rate_stays_small() -> None:
    assert resample(torch.zeros(44_101), 44_101).numel() == pytest.approx(16_000, abs=2)


_SEEDS = [
    encoded(tone(0.2), 16_000, kind, subtype)
    for kind, subtype in [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None), ("AIFF", "PCM_16")]
] + [
    encoded_with_av(tone(0.2, 48_000), 48_000, container, codec)
    for container, codec in [("ipod", "aac"), ("webm", "libopus"), ("adts", "aac")]
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from(_SEEDS), data=st.data())
def test_damaged_files_raise_nothing_but_audio_error(seed: bytes, data: st.DataObject) -> None:
    damaged = bytearray(seed[: data.draw(st.integers(0, len(seed)))])
    if damaged:
        for index in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=20)):
            damaged[index] = data.draw(st.integers(0, 255))
    _read_or_refuse(bytes(damaged))


@settings(max_examples=100, deadline=None)
@given(
    start=st.sampled_from(
        [b"", b"RIFF....WAVE", b"OggS", b"fLaC", b"\x1a\x45\xdf\xa3", b"....ftypM4A ", b"\xff\xf1", b"ID3", b"\xff\xfb"]
    ),
    tail=st.binary(max_size=600),
)
def test_random_bytes_raise_nothing_but_audio_error(start: bytes, tail: bytes) -> None:
    _read_or_refuse(start + tail)


def _read_or_refuse(data: bytes) -> None:
    try:
        waveform, rate = read_audio(data)
        check_prompt(waveform, rate)
    except AudioError:
        pass
