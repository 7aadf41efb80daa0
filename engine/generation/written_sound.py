"""A take in the formats that other programs read: float wav, flac, mp3 or ogg, at 16, 24 or 48 kHz."""

from io import BytesIO
from pathlib import Path

import soundfile
from torch import Tensor

from undertone.engine.audio.reading import resample
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.files.atomic_files import whole_file, write_whole
from undertone.engine.generation.saved_sound import wav_bytes
from undertone.engine.generation.speech import tensors_sha256
from undertone.engine.generation.take import Take
from undertone.engine.generation.take_settings import SoundFormat, TakeSettings, WrittenRate, WrittenSound

ENCODINGS: dict[SoundFormat, str] = {"wav": "FLOAT", "flac": "PCM_16", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}
FULL_SCALE = 32_767 / 32_768  # the largest sample of 16 bit; libsndfile wraps what is beyond to the other sign
BLOCK_SAMPLES = 65_536  # written at a time: libsndfile's Vorbis encoder overflows the stack on minutes at once


def settings_as_written(take: Take, sound_format: SoundFormat, sample_rate_hz: WrittenRate) -> TakeSettings:
    """Return a take's settings with the format that its samples are written in."""
    written = WrittenSound(
        format=sound_format,
        sample_rate_hz=sample_rate_hz,
        encoding=ENCODINGS[sound_format],
        samples_sha256=tensors_sha256(take.audio.float()),
    )
    return take.settings.model_copy(update={"written": written})


def sound_file_bytes(audio: Tensor, sound_format: SoundFormat, sample_rate_hz: int) -> bytes:
    """Return [samples] at 16 kHz as the bytes of a sound file of another format and rate.

    What is beyond full scale is kept in a wav and clipped in the other formats. The bytes of an ogg differ from call to
    call, since its stream has a random number.
    """
    waveform = resample(audio.detach().cpu().float(), SAMPLE_RATE_HZ, sample_rate_hz)
    if sound_format == "wav":
        return wav_bytes(waveform, sample_rate_hz)
    samples = waveform.clamp(-FULL_SCALE, FULL_SCALE).numpy()
    buffer = BytesIO()
    kind, encoding = sound_format.upper(), ENCODINGS[sound_format]
    with soundfile.SoundFile(buffer, "w", sample_rate_hz, 1, format=kind, subtype=encoding) as file:
        for first in range(0, len(samples), BLOCK_SAMPLES):
            file.write(samples[first : first + BLOCK_SAMPLES])
    return buffer.getvalue()


def write_take(take: Take, settings: TakeSettings, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write `stem`.json, then the sound in the format that the settings name; return the paths of sound and JSON.

    The sound comes last: where it lies, the settings beside it are its own, whatever ended the program before.
    """
    if settings.written is None:
        raise AssertionError("settings of `settings_as_written` are needed")
    sound = folder / f"{stem}.{settings.written.format}"
    data = sound_file_bytes(take.audio, settings.written.format, settings.written.sample_rate_hz)
    sound.unlink(missing_ok=True)  # of the same settings, but of another version or machine perhaps
    text = write_whole(folder / f"{stem}.json", settings.model_dump_json(indent=2) + "\n")
    with whole_file(sound) as unfinished:
        unfinished.write_bytes(data)
    return sound, text
