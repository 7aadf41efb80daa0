"""Recordings as Lhotse cuts, and their samples."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile
from lhotse import AudioSource, CutSet, MonoCut, MultiCut, Recording, SupervisionSegment
from lhotse.audio.backend import LibsndfileBackend, set_current_audio_backend
from lhotse.cut import Cut
from lhotse.utils import compute_num_samples

from undertone.train.corpora.channels import mix_to_mono
from undertone.train.corpora.headers import has_libsndfile_header, read_header, read_range
from undertone.train.corpora.source import Source, is_held_out
from undertone.train.corpora.unsupported import check_cuts_file

HELD_OUT_CUTS = 100  # one in so many of a cut manifest that names no splits


def cut_of(source: Source) -> Cut:
    """Return the Lhotse cut of a recording, from its file's header.

    Raises:
        soundfile.LibsndfileError, OSError: no audio that can be read.
        ValueError: it holds no samples, or the part lies outside of it.
    """
    header = read_header(source.path)
    if not header.num_samples:
        raise ValueError("holds no samples")
    channels = list(range(header.channels))
    recording = Recording(
        id=source.clip_id,
        sources=[AudioSource(type="file", channels=channels, source=source.path)],
        sampling_rate=header.sample_rate_hz,
        num_samples=header.num_samples,
        duration=header.num_samples / header.sample_rate_hz,
    )
    start = source.start_seconds
    seconds = recording.duration - start if source.seconds is None else min(source.seconds, recording.duration - start)
    if compute_num_samples(seconds, header.sample_rate_hz) <= 0:
        raise ValueError(f"ends after {recording.duration:.1f} s; a part from {start:.1f} s was asked for")
    text = SupervisionSegment(
        source.clip_id, source.clip_id, 0.0, seconds, 0, source.transcript, speaker=source.speaker
    )
    facts = {"split": source.split}
    if len(channels) == 1:
        return MonoCut(source.clip_id, start, seconds, 0, [text], recording=recording, custom=facts)
    return MultiCut(source.clip_id, start, seconds, channels, [text], recording=recording, custom=facts)


def read_cuts(path: Path) -> Iterator[Cut]:
    """Yield the cuts of a manifest that Lhotse wrote; `custom.split` names the split, else 1 in 100 is dev."""
    check_cuts_file(path)
    for cut in CutSet.from_jsonl_lazy(path):
        facts = cut.custom or {}
        cut.custom = facts | {"split": facts.get("split", "dev" if is_held_out(cut.id, HELD_OUT_CUTS) else "train")}
        yield cut


class ExactBackend(LibsndfileBackend):
    """libsndfile where it reads the same samples by every way, see `undertone.engine.audio.reading`.

    Ogg Opus as FFmpeg writes it must be sought once before the first samples; MP3 must be read from its beginning.
    """

    def read_audio(
        self, path_or_fd: Any, offset: float = 0.0, duration: float | None = None, *args: Any, **kwargs: Any
    ) -> tuple[np.ndarray, int]:
        """Return samples float32 [channels, samples] and their rate."""
        if not isinstance(path_or_fd, str | Path) or ".tar/" in str(path_or_fd):
            return cast(tuple[np.ndarray, int], super().read_audio(path_or_fd, offset, duration, *args, **kwargs))
        with soundfile.SoundFile(path_or_fd) as file:
            first = compute_num_samples(offset, file.samplerate) if offset > 0 else 0
            count = file.frames if duration is None else compute_num_samples(duration, file.samplerate)
            decoded_first = 0 if file.format in ("MP3", "MPEG") else first
            file.seek(decoded_first)
            samples = file.read(first - decoded_first + count, dtype="float32", always_2d=True)
            return samples[first - decoded_first :].T, int(file.samplerate)


def samples_of(cut: Cut) -> np.ndarray:
    """Return float32 [samples] of a cut at its own rate, its channels made one.

    Raises:
        ValueError: the channels hold different sounds.
    """
    path = cut.recording.sources[0].source
    if isinstance(path, str) and not has_libsndfile_header(path):
        return read_range(path, cut.start, cut.duration)
    set_current_audio_backend(ExactBackend())  # libsndfile, which our other stages read with
    audio: np.ndarray = cut.load_audio()
    return mix_to_mono(audio, cut.sampling_rate)


def speaker_of(cut: Cut) -> str:
    """Return the speaker that the cut's first supervision names, or nobody."""
    return str(next((s.speaker for s in cut.supervisions if s.speaker), ""))


def text_of(cut: Cut) -> str:
    """Return what is said, as far as the supervisions tell."""
    return " ".join(s.text for s in cut.supervisions if s.text)


def split_of(cut: Cut) -> str:
    """Return the split the cut belongs to."""
    return str(cut.custom["split"])
