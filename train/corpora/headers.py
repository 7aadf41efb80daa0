"""Headers and samples of sound files: libsndfile for what it reads, FFmpeg's libraries (PyAV) for what phones write."""

from dataclasses import dataclass

import av
import numpy as np
import soundfile

from undertone.engine import AudioLimits, read_audio

LIMITS = AudioLimits(max_file_seconds=24 * 3600.0)  # a corpus is its owner's: long recordings are cut later


@dataclass(frozen=True)
class Header:
    """Sample rate, length and channels of a file."""

    sample_rate_hz: int
    num_samples: int
    channels: int


def read_header(path: str) -> Header:
    """Return the header of a sound file.

    Raises:
        soundfile.LibsndfileError, OSError: no audio that can be read.
    """
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        header = _header_by_av(path)
        if header is None:
            raise error
        return header
    return Header(info.samplerate, info.frames, info.channels)


def has_libsndfile_header(path: str) -> bool:
    """Return whether libsndfile reads a file, or nothing does and its error is the one to show."""
    try:
        soundfile.info(path)
    except soundfile.LibsndfileError:
        return _header_by_av(path) is None
    return True


def read_range(path: str, start_seconds: float, seconds: float) -> np.ndarray:
    """Return float32 [samples] of a part of a file that only PyAV reads, at the file's own rate."""
    waveform, sample_rate_hz = read_audio(path, LIMITS)
    first = round(start_seconds * sample_rate_hz)
    part: np.ndarray = waveform[first : first + round(seconds * sample_rate_hz)].numpy()
    return part


def _header_by_av(path: str) -> Header | None:
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            rate = stream.codec_context.sample_rate
            if not rate:
                return None
            if stream.duration is not None and stream.time_base is not None:
                seconds = float(stream.duration * stream.time_base)
            elif container.duration is not None:
                seconds = container.duration / 1_000_000
            else:
                seconds = sum(frame.samples for frame in container.decode(stream)) / rate
            return Header(rate, round(seconds * rate), 1)  # read_audio gives one channel
    except (av.error.FFmpegError, OSError, ValueError):
        return None
