"""Sound files to samples: whatever a person has, read within limits; each refusal says which limit and what to do."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor

from undertone.engine.audio.formats import SUFFIXES
from undertone.engine.audio.mono_buffer import MonoBuffer
from undertone.engine.audio.repairs import ChannelPower, mix_down, remove_offset, to_full_scale
from undertone.engine.config import SAMPLE_RATE_HZ, Config
from undertone.engine.errors import AudioError

Source = str | Path | bytes | bytearray | memoryview | BinaryIO

# PyAV before 19 stops at a tag that is not UTF-8 unless told otherwise; from 19 on it no longer takes the word.
LENIENT_METADATA: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
BLOCK_FRAMES = 65_536  # read and mixed down at a time, so that a long multi-channel file never lies in memory whole
RATE_STEP_HZ = 25  # odd rates are read as the nearest multiple: the resampler's filter bank grows with rate / gcd


class AudioLimits(Config):
    """What may be read and what may be used as a prompt."""

    max_bytes: int = 50_000_000
    min_seconds: float = 1.0  # the utterance encoder was trained on crops of 2 to 4 s, shorter clips used whole
    max_seconds: float = 60.0  # of one prompt; HuBERT skips longer files, as published
    max_file_seconds: float = 600.0  # of a file, out of which a prompt is cut
    min_rate_hz: int = 4_000
    max_rate_hz: int = 384_000
    max_channels: int = 16
    silence_dbfs: float = -55.0  # root mean square of the loudest 50 ms
    max_clipped_share: float = 0.01  # of samples at full scale
    clip_level: float = 0.999


class ReadAudio(NamedTuple):
    """A sound file as it was read.

    Attributes:
        waveform: mono, float32 [samples].
        repairs: what was wrong with the file and how that was repaired, in words.
    """

    waveform: Tensor
    sample_rate_hz: int
    repairs: tuple[str, ...]


def read_audio(source: Source, limits: AudioLimits = AudioLimits()) -> tuple[Tensor, int]:
    """Read a sound file: wav, flac, ogg, mp3, aiff, and the m4a or webm that browsers and phones record.

    Channels are averaged, or the loudest is taken where the average loses it; samples at another scale are brought
    to [-1, 1], and a constant offset is removed.

    Args:
        source: a path, the bytes of a file, or an open binary file.
    Returns:
        (mono waveform float32 [samples], sample rate in Hz). A file above 48 kHz with more than ten million samples is
        read at 48 kHz, so that no file takes more than 115 MB.
    Raises:
        AudioError: not a sound file, damaged, empty, or outside the limits.
    """
    read = read_and_repair(source, limits)
    return read.waveform, read.sample_rate_hz


def read_and_repair(source: Source, limits: AudioLimits = AudioLimits()) -> ReadAudio:
    """Read a sound file as `read_audio` does, and say what was repaired. Raises AudioError."""
    data = _bytes_of(source, limits)
    demuxer = _container(data)
    if demuxer is None:
        raise AudioError(f"this is not a sound file that can be read. Use {named_formats()}.")
    mixed, sample_rate_hz, repairs = _decode(data, demuxer, limits)
    scaled = to_full_scale(mixed)
    if scaled is not mixed:
        repairs += ("samples beyond full scale, which were brought back to it",)
    waveform = remove_offset(scaled)
    if waveform is not scaled:
        percent = 100 * scaled.double().mean().item()
        repairs += (f"a constant offset of {percent:.1f} % of full scale, which was removed",)
    return ReadAudio(waveform, sample_rate_hz, repairs)


def _decode(data: bytes, demuxer: str, limits: AudioLimits) -> ReadAudio:
    """Return the samples of a file as its decoder gives them, mixed down."""
    # Two foreign decoders on bytes from anywhere: whatever they throw means that the file cannot be read.
    try:
        if demuxer in _SOUNDFILE_KINDS:
            try:
                if (read := _read_with_soundfile(data, limits)) is not None:
                    return read
            except soundfile.SoundFileError:
                pass  # a codec that libsndfile lacks, for example ADPCM or speex
        return _read_with_av(data, demuxer, limits)
    except AudioError:
        raise
    except Exception as error:
        raise AudioError(
            f"the {demuxer} file is damaged or holds no sound ({type(error).__name__}). Export or record it again."
        ) from error


def named_formats() -> str:
    """Return the formats that can be read, as a sentence lists them."""
    names = [suffix.removeprefix(".") for suffix in SUFFIXES]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def check_prompt(samples: Tensor | np.ndarray, sample_rate_hz: int, limits: AudioLimits = AudioLimits()) -> Tensor:
    """Turn recorded samples into a clean prompt: mono, 16 kHz, finite, audible, neither too short nor too long.

    Args:
        samples: [samples] or [samples, channels], float in [-1, 1] or an integer type at its full scale.
        sample_rate_hz: rate of the samples.
    Returns:
        float32 [samples] at 16 kHz in [-1, 1].
    Raises:
        AudioError: naming the limit that the samples break.
    """
    _check_rate(sample_rate_hz, limits)
    waveform = to_mono(samples, limits)
    if waveform.numel() == 0:
        raise AudioError("the recording is empty: it has no samples. Record again and check the microphone.")
    if not torch.isfinite(waveform).all():
        raise AudioError("the recording has samples that are not numbers (NaN or infinite). Export it again.")
    _check_seconds(waveform.numel() / sample_rate_hz, limits)
    _check_level(waveform, sample_rate_hz, limits)
    return resample(remove_offset(waveform.clamp(-1.0, 1.0)).clamp(-1.0, 1.0), sample_rate_hz)


@dataclass(frozen=True, eq=False)
class CheckedPrompt:
    """A part of a recording that may be a prompt: cut, checked and resampled once, for everybody who needs it.

    Attributes:
        samples: float32 [samples] at 16 kHz in [-1, 1].
        start_seconds, end_seconds: where it lies in the recording.
    """

    samples: Tensor
    start_seconds: float
    end_seconds: float


def cut_prompt(
    waveform: Tensor | np.ndarray,
    sample_rate_hz: int,
    start_seconds: float = 0.0,
    end_seconds: float | None = None,
    limits: AudioLimits = AudioLimits(),
) -> CheckedPrompt:
    """Return the part of [samples] or [samples, channels] between two times as a prompt; an end of None is the end.

    Raises:
        AudioError: the part breaks one of the limits.
    """
    part = cut(torch.as_tensor(waveform), sample_rate_hz, start_seconds, end_seconds)
    samples = check_prompt(part, sample_rate_hz, limits)
    return CheckedPrompt(samples, start_seconds, start_seconds + part.shape[0] / sample_rate_hz)


def to_mono(samples: Tensor | np.ndarray, limits: AudioLimits = AudioLimits()) -> Tensor:
    """Convert samples of any type, [samples] or [samples, channels], to float32 mono [samples].

    Channels are averaged; where that loses the loudest, as with channels of opposite phase, it alone is taken.
    """
    if samples.ndim not in (1, 2) or (isinstance(samples, np.ndarray) and samples.dtype.kind not in "iuf"):
        raise AudioError(
            f"samples have shape {tuple(samples.shape)} and type {samples.dtype}; expected [samples] or "
            "[samples, channels] of a real type."
        )
    array = samples if isinstance(samples, Tensor) else torch.from_numpy(np.ascontiguousarray(samples))
    if array.dim() == 2 and not 1 <= array.shape[1] <= limits.max_channels:
        raise AudioError(
            f"the recording has {array.shape[1]} channels; expected 1 to {limits.max_channels}. Mix it down to mono."
        )
    if not array.dtype.is_floating_point:
        info = torch.iinfo(array.dtype)
        middle = 128.0 if array.dtype == torch.uint8 else 0.0
        array = (array.double() - middle) / (info.max - middle + 1)
    array = array.detach().cpu().float()
    return mix_down(array) if array.dim() == 2 else array.clone()


def resample(waveform: Tensor, sample_rate_hz: int, to_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Resample [..., samples], band-limited; a rate off the 25 Hz grid is read as the nearest rate on it."""
    rate = RATE_STEP_HZ * round(sample_rate_hz / RATE_STEP_HZ)
    return waveform if rate == to_hz else torchaudio.functional.resample(waveform, rate, to_hz)


def cut(waveform: Tensor, sample_rate_hz: int, start_seconds: float = 0.0, end_seconds: float | None = None) -> Tensor:
    """Return the part of [samples] or [samples, channels] between two times; None or a later end is the end."""
    seconds = waveform.shape[0] / sample_rate_hz
    end = seconds if end_seconds is None else min(end_seconds, seconds)
    if not (math.isfinite(start_seconds) and 0.0 <= start_seconds < end):
        raise AudioError(
            f"cannot cut from {start_seconds:g} s to {end:g} s in a recording of {seconds:.2f} s. "
            "Choose a start before the end, both inside the recording."
        )
    return waveform[round(start_seconds * sample_rate_hz) : round(end * sample_rate_hz)]


# ---------------------------------------------------------------------------------------------------------------
# Files

_SOUNDFILE_KINDS = frozenset({"wav", "w64", "flac", "ogg", "mp3", "aiff", "caf"})


def _container(data: bytes) -> str | None:
    """Return the demuxer by the first bytes. Never guessed by content: playlists could make it open other files."""
    head = data[:16]
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp":
        return "mp4"  # m4a, mp4, 3gp, mov
    starts = {
        b"fLaC": "flac",
        b"OggS": "ogg",
        b"ID3": "mp3",
        b"\x1a\x45\xdf\xa3": "matroska",  # webm
        b"caff": "caf",
        b"riff": "w64",
        b"#!AMR": "amr",
    }
    for start, name in starts.items():
        if head.startswith(start):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"  # ADTS: layer bits are zero
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3"
    return None


def _bytes_of(source: Source, limits: AudioLimits) -> bytes:
    """Return the whole file as bytes, refused before it is read when it is too large."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source[: limits.max_bytes + 1])
    elif isinstance(source, str | Path):
        path = Path(source)
        try:
            with path.open("rb") as file:
                data = file.read(limits.max_bytes + 1)
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            raise AudioError(f"cannot open {str(source)!r}: {error}. Check the path.") from error
    else:
        data = source.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise AudioError(
            f"the file is larger than {limits.max_bytes / 1e6:.0f} MB. Cut it, or save it as flac, opus or mp3."
        )
    if not data:
        raise AudioError("the file is empty: 0 bytes. Record or export it again.")
    return data


def _read_with_soundfile(data: bytes, limits: AudioLimits) -> ReadAudio | None:
    """Return samples and their rate; None where libsndfile finds no samples, as in a wav whose header says 0 bytes."""
    with _ForwardFile(_LenientBytes(data)) as file:
        _check_rate(file.samplerate, limits)
        _check_channels(file.channels, limits)

        def blocks() -> Iterator[np.ndarray]:
            _to_first_sample(file)
            while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
                yield block.T

        return _mix_to_mono(blocks, file.samplerate, limits)


def _to_first_sample(file: soundfile.SoundFile) -> None:
    """Go to the beginning, also of a file just opened.

    libsndfile leaves the pre-skip of an Ogg Opus file as FFmpeg writes it in the first block unless it has sought
    once: the sound would come 6.5 ms late, and jump at the next block.
    """
    if file.tell() or (file.format, file.subtype) == ("OGG", "OPUS"):
        file.seek(0)


class _ForwardFile(soundfile.SoundFile):
    """A sound file read from its beginning to its end.

    python-soundfile seeks after each block of a file that can seek, to where the file is anyway. In an MP3 file of
    variable bit rate that loses the bits which frames keep in earlier ones: a click at each block.
    """

    def seekable(self) -> bool:
        return False


def _read_with_av(data: bytes, demuxer: str, limits: AudioLimits) -> ReadAudio:
    with av.open(BytesIO(data), mode="r", format=demuxer, **LENIENT_METADATA) as container:
        if not container.streams.audio:
            raise AudioError("the file has no sound track. Choose a file with sound.")
        stream = container.streams.audio[0]
        rate, channels = int(stream.rate or 0), int(stream.channels or 0)
        _check_rate(rate, limits)
        _check_channels(channels, limits)

    def blocks() -> Iterator[np.ndarray]:
        with av.open(BytesIO(data), mode="r", format=demuxer, **LENIENT_METADATA) as container:
            stream = container.streams.audio[0]
            converter = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
            for frame in container.decode(stream):
                for piece in converter.resample(frame):
                    yield piece.to_ndarray()
            for piece in converter.resample(None):
                yield piece.to_ndarray()

    mixed = _mix_to_mono(blocks, rate, limits)
    if mixed is None:
        raise AudioError("the file has no samples: its length is 0 s. Record or export it again.")
    return mixed


class _LenientBytes(BytesIO):
    """Bytes that clamp a seek before the start, which damaged headers ask for: a callback must not raise."""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _mix_to_mono(blocks: Callable[[], Iterator[np.ndarray]], rate_hz: int, limits: AudioLimits) -> ReadAudio | None:
    """Mix a recording down to one channel: the mean, or in a second pass the channel that the mean loses.

    Args:
        blocks: decodes the recording from its beginning, in blocks [channels, samples].
    Returns:
        The samples at the rate at which they were kept, or None where there are none.
    Raises:
        AudioError: longer than the longest file allowed.
    """
    power = ChannelPower()
    mixed = _collected(_means(blocks(), power), rate_hz, limits)
    channel = power.cancelling()
    if channel is None:
        return mixed
    del mixed  # so that there is one waveform in memory
    alone = _collected((block[channel].copy() for block in blocks()), rate_hz, limits)
    return None if alone is None else alone._replace(repairs=(power.describe_loss(),))


def _means(blocks: Iterator[np.ndarray], power: ChannelPower) -> Iterator[np.ndarray]:
    for block in blocks:
        with np.errstate(invalid="ignore", over="ignore"):  # huge or infinite samples are refused later, by name
            mixed = block.mean(0, dtype=np.float32)
        power.add(block, mixed)
        yield mixed


def _collected(parts: Iterator[np.ndarray], rate_hz: int, limits: AudioLimits) -> ReadAudio | None:
    """Return blocks [samples] as one waveform with its rate; stops at the longest allowed file."""
    buffer, samples = MonoBuffer(rate_hz), 0
    for part in parts:
        samples += len(part)
        if samples > limits.max_file_seconds * rate_hz:
            raise AudioError(f"the file is longer than {limits.max_file_seconds:g} s. Cut it first.")
        buffer.add(part)
    return ReadAudio(buffer.waveform(), buffer.rate_hz, ()) if samples else None


# ---------------------------------------------------------------------------------------------------------------
# Limits


def _check_rate(sample_rate_hz: float, limits: AudioLimits) -> None:
    if not limits.min_rate_hz <= sample_rate_hz <= limits.max_rate_hz:
        raise AudioError(
            f"the sample rate is {sample_rate_hz:g} Hz; expected {limits.min_rate_hz} to {limits.max_rate_hz} Hz. "
            "Export the recording at 16 000 Hz or more."
        )


def _check_channels(channels: int, limits: AudioLimits) -> None:
    if not 1 <= channels <= limits.max_channels:
        raise AudioError(f"the file has {channels} channels; expected 1 to {limits.max_channels}. Mix it down to mono.")


def _check_seconds(seconds: float, limits: AudioLimits) -> None:
    if seconds < limits.min_seconds:
        raise AudioError(
            f"the prompt is {seconds:.2f} s long; at least {limits.min_seconds:g} s are needed. Record a longer clip."
        )
    if seconds > limits.max_seconds:
        raise AudioError(
            f"the prompt is {seconds:.1f} s long; at most {limits.max_seconds:g} s are allowed. Cut a shorter prompt."
        )


def _check_level(waveform: Tensor, sample_rate_hz: int, limits: AudioLimits) -> None:
    clipped = (waveform.abs() >= limits.clip_level).float().mean().item()
    if clipped > limits.max_clipped_share:
        raise AudioError(
            f"the recording is clipped: {100 * clipped:.1f} % of its samples are at full scale, at most "
            f"{100 * limits.max_clipped_share:g} % are allowed. Record again at a lower level."
        )
    loudest = loudest_dbfs(waveform, sample_rate_hz)
    if loudest == -math.inf:
        raise AudioError(
            "the recording is silent: it holds no sound at all. Check that the right microphone is chosen and that it "
            "is not muted."
        )
    if loudest < limits.silence_dbfs:
        raise AudioError(
            f"the recording is silent: its loudest part is at {loudest:.0f} dB, and speech is at "
            f"{limits.silence_dbfs:g} dB or more. Check the microphone and speak closer to it."
        )


def loudest_dbfs(waveform: Tensor, sample_rate_hz: int) -> float:
    """Return the level of the loudest 50 ms in dB below full scale, its mean removed; -inf for digital silence."""
    window = max(1, min(waveform.numel(), sample_rate_hz // 20))
    power = (waveform[: waveform.numel() // window * window].view(-1, window)).var(1, correction=0).max().item()
    return 10.0 * math.log10(power) if power > 0 else -math.inf
