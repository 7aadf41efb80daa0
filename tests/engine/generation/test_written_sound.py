"""Takes in other formats: the sound survives, nothing wraps, and settings without a format stay what they were."""

from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest
import soundfile
import torch

from tests.clips import speechlike
from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import Engine, SettingsError, Take, TakeSettings
from undertone.engine.generation.take_settings import SoundFormat, WrittenRate
from undertone.engine.generation.written_sound import settings_as_written, sound_file_bytes, write_take

FORMATS, RATES = get_args(SoundFormat), get_args(WrittenRate)


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))
    return engine.continue_(engine.analyse(speechlike(2.0), 16_000), seconds=0.5, seed=3)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("sound_format", FORMATS)
def test_the_sound_survives(sound_format: SoundFormat, rate: WrittenRate) -> None:
    audio = speechlike(3.0, amplitude=0.5)
    read, read_hz = soundfile.read(BytesIO(sound_file_bytes(audio, sound_format, rate)), dtype="float32")
    assert read_hz == rate
    expected = torch.from_numpy(soundfile.read(BytesIO(sound_file_bytes(audio, "wav", rate)), dtype="float32")[0])
    found = torch.from_numpy(read)
    size = min(len(found), len(expected))
    assert abs(len(found) - len(expected)) < 0.1 * rate  # mp3 has whole frames
    spectra = [
        torch.stft(s[:size], 1024, window=torch.hann_window(1024), return_complex=True).abs() for s in (found, expected)
    ]
    difference = (spectra[0] - spectra[1]).norm() / spectra[1].norm()
    assert difference < {"wav": 1e-6, "flac": 1e-3, "mp3": 0.3, "ogg": 0.3}[sound_format]


def test_a_float_wav_at_the_engine_rate_is_that_of_a_saved_take(take: Take, tmp_path: Path) -> None:
    saved = take.save(tmp_path, "saved")
    written = write_take(take, settings_as_written(take, "wav", 16_000), tmp_path, "written")
    assert written[0].read_bytes() == saved[0].read_bytes()


@pytest.mark.parametrize("sound_format", ["flac", "mp3", "ogg"])
def test_samples_beyond_full_scale_are_clipped_and_never_wrap(sound_format: SoundFormat) -> None:
    audio = 1.5 * torch.sin(2 * torch.pi * 100 * torch.arange(16_000) / 16_000)
    read, _ = soundfile.read(BytesIO(sound_file_bytes(audio, sound_format, 16_000)), dtype="float32")
    found = torch.from_numpy(read[:16_000])
    clipped = audio.clamp(-1.0, 1.0)[: len(found)]
    assert torch.cosine_similarity(found, clipped, dim=0) > 0.99  # wrapped samples would have the other sign


def test_minutes_of_vorbis_are_written(tmp_path: Path) -> None:
    data = sound_file_bytes(0.1 * torch.randn(16_000 * 240, generator=torch.Generator()), "ogg", 48_000)
    assert soundfile.info(BytesIO(data)).duration == pytest.approx(240, abs=0.1)


def test_settings_say_what_was_written_only_where_it_is_not_a_float_wav(take: Take) -> None:
    plain = take.settings.model_dump_json()
    assert "written" not in plain
    assert TakeSettings.parse(plain) == take.settings
    settings = settings_as_written(take, "mp3", 24_000)
    assert TakeSettings.parse(settings.model_dump_json()) == settings
    assert settings != take.settings
    with pytest.raises(SettingsError, match=r"written\.format"):
        TakeSettings.parse(settings.model_dump_json().replace('"mp3"', '"aac"'))


def test_the_sound_is_written_last(take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sound lies, the settings beside it are its own: an older sound goes before its settings do."""
    settings = settings_as_written(take, "flac", 16_000)
    sound, text = write_take(take, settings, tmp_path, "take")
    (tmp_path / "take.json").write_text("old")

    def fail(path: Path, data: bytes) -> int:
        raise OSError("no room")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="no room"):
        write_take(take, settings, tmp_path, "take")
    assert not sound.exists()
    assert TakeSettings.read(text) == settings
    assert [path.name for path in tmp_path.iterdir()] == ["take.json"]
