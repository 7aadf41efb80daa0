"""The second recogniser and DNSMOS: what they need, what they give, and that they hear what they are for."""

import os
from pathlib import Path

import pytest
import torch

from undertone.engine import read_audio
from undertone.studies.errors import MeasureError, NotInstalledError
from undertone.studies.evaluation.jobs import InstalledMeasures, RecognisedSpeech
from undertone.studies.measures.intervals import ShareEstimate
from undertone.studies.measures.quality import dnsmos
from undertone.studies.measures.whisper_asr import (
    FOLDER_VARIABLE,
    NEEDED_FILES,
    WhisperTranscript,
    is_model_name,
    spell_out_titles,
    whisper_folder,
    whisper_name,
    whisper_transcript,
)

CLIP = Path(__file__).parents[3] / "assets" / "examples" / "a-storyteller.wav"

with_model = pytest.mark.skipif(FOLDER_VARIABLE not in os.environ, reason=f"{FOLDER_VARIABLE} names no model")


def test_without_a_folder_the_evaluation_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    installed = InstalledMeasures.installed()
    assert installed.whisper is None
    assert "--whisper" in installed.missing["whisper"]
    with pytest.raises(NotInstalledError, match=FOLDER_VARIABLE):
        whisper_folder(None)


def test_a_folder_without_a_model_is_refused_and_one_from_the_environment_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MeasureError, match=r"lacks model\.bin"):
        InstalledMeasures.installed(tmp_path)
    for name in NEEDED_FILES:
        (tmp_path / name).touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert InstalledMeasures.installed().whisper == tmp_path


def test_speech_that_is_not_english_gets_no_error_rates() -> None:
    heard = InstalledMeasures(words=True, voices=True, missing={}, quality=True, whisper=CLIP.parent)
    assert heard.for_languages(("de", "en")) == heard
    german = heard.for_languages(("de",))
    assert (german.words, german.whisper, german.voices, german.quality) == (False, None, True, True)
    assert "English alone, and this bundle speaks de" in german.missing["words"]


def test_a_model_is_named_as_on_the_hub_or_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faster_whisper = pytest.importorskip("faster_whisper")
    fetched = tmp_path / "models--Systran--faster-whisper-base" / "snapshots" / "0ab1"
    fetched.mkdir(parents=True)
    for name in NEEDED_FILES:
        (fetched / name).touch()
    monkeypatch.setattr(faster_whisper, "download_model", {"base.en": str(fetched), "Systran/base": str(fetched)}.get)
    monkeypatch.chdir(tmp_path)
    assert whisper_folder("base.en") == whisper_folder("Systran/base") == fetched
    assert whisper_name(fetched) == "Systran/faster-whisper-base"
    assert whisper_name(tmp_path / "own") == "own"
    (tmp_path / "base").mkdir()
    assert not is_model_name("base")
    assert not any(map(is_model_name, ("/else/where", "./base2", "models/of/mine", "voice")))

    def offline(name: str) -> str:
        raise OSError("no network")

    monkeypatch.setattr(faster_whisper, "download_model", offline)
    with pytest.raises(MeasureError, match=r"base\.en.*no network"):
        whisper_folder("base.en")


def test_titles_are_spelt_as_they_are_said() -> None:
    assert spell_out_titles("Mr. Smith’s wife, Mrs. Smith: DR. WHO?") == "mister smith's wife missus smith doctor who"


def test_error_rates_need_a_transcript_and_certainty_does_not() -> None:
    heard = RecognisedSpeech("a word", ShareEstimate(1, 2), None, WhisperTranscript("mister word", -0.25), 3.5)
    assert set(heard.measures()) == {"real_words", "whisper_log_prob", "dnsmos"}
    found = heard.measures("Mr. Word")
    assert found["whisper_cer"] == ShareEstimate(0, len("mister word"))
    assert found["whisper_log_prob"] == ShareEstimate(-0.25, 1)
    assert "whisper_log_prob" not in RecognisedSpeech(None, None, None, WhisperTranscript("", None)).measures("words")


def test_dnsmos_hears_a_hiss_and_forgets_the_clip_before() -> None:
    clip, _ = read_audio(CLIP)
    hiss = 0.02 * torch.randn(len(clip), generator=torch.Generator().manual_seed(0))
    clean = dnsmos(clip)
    assert dnsmos(clip + hiss) < clean - 0.3
    assert dnsmos(clip) == clean


@with_model
def test_whisper_is_surer_of_speech_than_of_the_same_played_backwards() -> None:
    folder = whisper_folder(None)
    clip, _ = read_audio(CLIP)
    forwards, backwards = whisper_transcript(clip, folder), whisper_transcript(clip.flip(0), folder)
    assert forwards == whisper_transcript(clip, folder)
    assert forwards.log_prob is not None
    assert backwards.log_prob is None or forwards.log_prob > backwards.log_prob
