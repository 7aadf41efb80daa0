"""Each measure on signals whose answer is known: zero for the same sound, the right number for a known change."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.speechlike import voice
from undertone.studies.errors import NotInstalledError
from undertone.studies.measures import intelligibility
from undertone.studies.measures import speaker_similarity as similarity
from undertone.studies.measures.distances import Reference
from undertone.studies.measures.intelligibility import (
    Transcript,
    Word,
    character_errors,
    normalise_text,
    transcribe,
    word_errors,
)
from undertone.studies.measures.intervals import ShareEstimate
from undertone.studies.measures.speaker_similarity import INSTALL, SpeakerEncoder

needs_encoder = pytest.mark.skipif(importlib.util.find_spec("resemblyzer") is None, reason=f"needs `{INSTALL}`")


def vowel(f0_hz: float, seconds: float = 3.0, vibrato: float = 0.05) -> Tensor:
    """A steady vowel with a slow melody: harmonics under three formants, [samples] at 16 kHz."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    pitch = f0_hz * (1 + vibrato * torch.sin(2 * torch.pi * 0.8 * time))
    phase = 2 * torch.pi * torch.cumsum(pitch, 0) / 16_000
    wave = torch.zeros_like(time)
    for number in range(1, 30):
        hz = number * f0_hz
        gain = sum(np.exp(-(((hz - formant) / 150) ** 2)) for formant in (650, 1100, 2500)) + 0.02
        wave += gain * torch.sin(number * phase) if hz < 7500 else 0
    return 0.1 * wave


def value(share: ShareEstimate) -> float:
    return share.total / share.count


def test_the_same_sound_is_at_no_distance() -> None:
    sound = torch.from_numpy(voice(3.0, 120, seed=1))
    measures = Reference(sound).compare(sound.clone())
    for name in ("mel_distance_nats", "log_spectral_distance_db", "f0_rmse_hz", "f0_rmse_semitones", "voicing_error"):
        assert value(measures[name]) == 0.0
    assert value(measures["f0_correlation"]) == pytest.approx(1.0)
    assert value(measures["energy_correlation"]) == pytest.approx(1.0)


@pytest.mark.parametrize("semitones", [-4.0, 1.0, 3.0])
def test_a_shift_of_the_pitch_is_measured_in_semitones_and_hertz(semitones: float) -> None:
    ratio = 2 ** (semitones / 12)
    measures = Reference(vowel(140)).compare(vowel(140 * ratio))
    assert value(measures["f0_rmse_semitones"]) ** 0.5 == pytest.approx(abs(semitones), abs=0.15)
    assert value(measures["f0_rmse_hz"]) ** 0.5 == pytest.approx(140 * abs(ratio - 1), rel=0.05, abs=1.0)
    assert value(measures["f0_correlation"]) > 0.9  # the melody is the same, but for the estimator's jitter


def test_a_flat_melody_has_no_correlation_to_offer_and_an_inverted_one_a_negative() -> None:
    reference = Reference(vowel(140))
    assert value(reference.compare(vowel(140, vibrato=-0.05))["f0_correlation"]) < -0.9
    assert reference.compare(torch.zeros(48_000))["f0_correlation"].count == 0


def test_a_change_of_level_is_a_constant_on_the_log_mel_and_in_decibels() -> None:
    sound = vowel(140) + 0.003 * torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    measures = Reference(sound).compare(0.5 * sound)
    assert value(measures["mel_distance_nats"]) == pytest.approx(np.log(2), rel=0.01)
    assert value(measures["log_spectral_distance_db"]) == pytest.approx(20 * np.log10(2), rel=0.2)
    assert value(measures["energy_correlation"]) == pytest.approx(1.0, abs=1e-3)


def test_what_lies_behind_the_end_of_the_recording_is_ignored() -> None:
    sound = torch.from_numpy(voice(2.0, 120, seed=1))
    longer = torch.cat([sound, torch.ones(200)])
    assert value(Reference(sound).compare(longer)["mel_distance_nats"]) == 0.0


def test_silence_in_place_of_a_voice_is_a_voicing_error() -> None:
    measures = Reference(vowel(140)).compare(torch.zeros(48_000))
    assert value(measures["voicing_error"]) > 0.9
    assert measures["f0_rmse_hz"].count == 0


def test_error_rates_count_edits() -> None:
    assert character_errors("HELLO, WORLD!", "hello world") == ShareEstimate(0, 11)
    assert character_errors("abcd", "abxd") == ShareEstimate(1, 4)
    assert character_errors("abcd", "") == ShareEstimate(4, 4)
    assert word_errors("the cat sat", "the hat sat down") == ShareEstimate(2, 3)


def test_texts_are_compared_without_case_and_punctuation() -> None:
    assert normalise_text("It’s  WELL-known, “Jos.”") == "it's well known jos"


def test_a_word_counts_as_real_only_where_the_sound_bears_it_out() -> None:
    transcript = Transcript((Word("sure", -2.0, 0.9), Word("babble", -6.0, 0.9), Word("unlikely", -2.0, 0.01)))
    assert transcript.text == "sure babble unlikely"
    assert transcript.real_words == ShareEstimate(1, 3)


def test_the_recogniser_finds_nothing_in_silence_and_forgets_what_it_heard_before() -> None:
    buzz = torch.from_numpy(voice(2.0, 120, seed=1))
    first = transcribe(buzz)
    assert transcribe(torch.zeros(16_000)).words == ()
    transcribe(torch.from_numpy(voice(2.0, 220, seed=2)))
    assert transcribe(buzz) == first


def test_a_missing_recogniser_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intelligibility, "find_spec", lambda package: None)
    with pytest.raises(NotInstalledError, match=r"pip install 'undertone\[evaluate\]'"):
        intelligibility.check_recogniser_installed()


def test_a_missing_speaker_encoder_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(NotInstalledError, match="pip install --no-deps resemblyzer"):
        SpeakerEncoder.load()


@needs_encoder
def test_the_same_voice_is_nearer_than_another_by_chance() -> None:
    encoder = SpeakerEncoder.load()
    low = [encoder.embed(torch.from_numpy(voice(3.0, 110, seed=seed))) for seed in (1, 2)]
    high = [encoder.embed(torch.from_numpy(voice(3.0, 230, seed=seed))) for seed in (3, 4)]
    same = min(float(low[0] @ low[1]), float(high[0] @ high[1]))
    other = max(float(a @ b) for a in low for b in high)
    assert same > other + 0.05


@needs_encoder
def test_embeddings_have_length_one_and_do_not_hear_the_level_or_the_pauses() -> None:
    encoder = SpeakerEncoder.load()
    sound = vowel(150)
    pause = torch.zeros(16_000)
    embedding = encoder.embed(sound)
    assert float(embedding.norm()) == pytest.approx(1.0, abs=1e-5)
    assert float(embedding @ encoder.embed(0.1 * sound)) == pytest.approx(1.0, abs=1e-4)
    assert float(embedding @ encoder.embed(torch.cat([pause, sound, pause]))) > 0.97
    assert encoder.embed(sound[:2000]).isfinite().all()  # shorter than one window
    assert encoder.embed(torch.zeros(8000)).isfinite().all()
