"""The slow part of an evaluation, in processes of its own: recognising words, F0, voices, distances.

Arrays and plain numbers go in and out, so that a process never shares tensors with another.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from undertone.engine.audio.acoustics import pitch
from undertone.engine.config import MelConfig
from undertone.studies.errors import NotInstalledError
from undertone.studies.evaluation.systems import GROUND_TRUTH
from undertone.studies.measures import intelligibility, quality
from undertone.studies.measures import whisper_asr as whisper
from undertone.studies.measures.distances import Reference
from undertone.studies.measures.intervals import ShareEstimate
from undertone.studies.measures.speaker_similarity import SpeakerEncoder, speaker_encoder

Samples = NDArray[np.float32]


RECOGNISED = "en"  # PocketSphinx' models and vocabulary, the language that Whisper is told, and `normalise_text`


@dataclass(frozen=True)
class InstalledMeasures:
    """The optional measures that this environment allows."""

    words: bool
    voices: bool
    missing: dict[str, str]  # measure to the reason why it is not taken
    quality: bool = False
    whisper: Path | None = None  # folder of the second recogniser

    @classmethod
    def installed(cls, whisper_model: str | Path | None = None) -> "InstalledMeasures":
        """Return the measures that the packages of this environment allow.

        Args:
            whisper_model: folder or name of a faster-whisper model; None asks the environment.
        Raises:
            MeasureError: a folder without a model.
        """
        missing: dict[str, str] = {}
        found: dict[str, Path | None] = {"whisper": None}

        def find_whisper() -> None:
            found["whisper"] = whisper.whisper_folder(whisper_model)

        checks: dict[str, Callable[[], object]] = {
            "words": intelligibility.check_recogniser_installed,
            "voices": SpeakerEncoder.load,
            "quality": quality.check_dnsmos_installed,
            "whisper": find_whisper,
        }
        for measure, check in checks.items():
            try:
                check()
            except NotInstalledError as error:
                missing[measure] = str(error)
        return cls("words" not in missing, "voices" not in missing, missing, "quality" not in missing, found["whisper"])

    def for_languages(self, languages: tuple[str, ...]) -> "InstalledMeasures":
        """Return those that tell something about speech in these languages (ISO 639): recognisers hear English."""
        if RECOGNISED in languages:
            return self
        reason = (
            f"error rates and real words: the recognisers are used for English alone, and this bundle speaks "
            f"{', '.join(languages)}."
        )
        return replace(self, words=False, whisper=None, missing={**self.missing, "words": reason, "whisper": reason})


@dataclass(frozen=True)
class RecognisedSpeech:
    """Results of the installed optional measures on one waveform."""

    text: str | None
    real_words: ShareEstimate | None
    embedding: Samples | None  # [E]
    reading: whisper.WhisperTranscript | None = None  # by Whisper
    dnsmos: float | None = None

    @classmethod
    def of(cls, waveform: Tensor, installed: InstalledMeasures) -> "RecognisedSpeech":
        transcript = intelligibility.transcribe(waveform) if installed.words else None
        return cls(
            transcript.text if transcript else None,
            transcript.real_words if transcript else None,
            speaker_encoder().embed(waveform).numpy() if installed.voices else None,
            whisper.whisper_transcript(waveform, installed.whisper) if installed.whisper else None,
            quality.dnsmos(waveform) if installed.quality else None,
        )

    @property
    def transcript(self) -> str | None:
        """Return the words by the better of the recognisers that listened; None where none did."""
        return self.text if self.reading is None else self.reading.text

    def measures(self, transcript: str | None = None) -> dict[str, ShareEstimate]:
        """Return what was measured, by name; error rates where it is known what was said."""
        found: dict[str, ShareEstimate] = {}
        if self.text is not None and self.real_words is not None:
            if transcript is not None:
                found["cer"] = intelligibility.character_errors(transcript, self.text)
                found["wer"] = intelligibility.word_errors(transcript, self.text)
            found["real_words"] = self.real_words
        if self.reading is not None:
            if transcript is not None:
                said = whisper.spell_out_titles(transcript)
                found["whisper_cer"] = intelligibility.character_errors(said, self.reading.text)
                found["whisper_wer"] = intelligibility.word_errors(said, self.reading.text)
            if self.reading.log_prob is not None:
                found["whisper_log_prob"] = ShareEstimate(self.reading.log_prob, 1)
        if self.dnsmos is not None:
            found["dnsmos"] = ShareEstimate(self.dnsmos, 1)
        return found


@dataclass(frozen=True)
class ClipJob:
    """A clip and its renderings."""

    ground_truth: Samples
    transcript: str
    renderings: dict[str, Samples]  # by system
    mel: MelConfig
    installed: InstalledMeasures


@dataclass(frozen=True)
class ClipReport:
    """Measures and recognised speech by system, ground truth included."""

    measures: dict[str, dict[str, ShareEstimate]]
    heard: dict[str, RecognisedSpeech]


def report_clip(job: ClipJob) -> ClipReport:
    """Compare every rendering with the recording, and transcribe all of them."""
    ground_truth = torch.from_numpy(job.ground_truth)
    reference = Reference(ground_truth, job.mel)
    waveforms = {GROUND_TRUTH: ground_truth} | {key: torch.from_numpy(value) for key, value in job.renderings.items()}
    measures: dict[str, dict[str, ShareEstimate]] = {}
    heard: dict[str, RecognisedSpeech] = {}
    for system, waveform in waveforms.items():
        heard[system] = RecognisedSpeech.of(waveform[: len(ground_truth)], job.installed)
        measures[system] = {} if system == GROUND_TRUTH else reference.compare(waveform)
        measures[system] |= heard[system].measures(job.transcript)
    return ClipReport(measures, heard)


@dataclass(frozen=True)
class ContinuationJob:
    """A prompt, its continuation by the model, and the speaker's own continuation."""

    prompt: Samples
    continuation: Samples
    real: Samples
    installed: InstalledMeasures


@dataclass(frozen=True)
class VoicePitch:
    """Pitch statistics of a waveform; semitones are above 1 Hz, so that differences are intervals."""

    voiced: ShareEstimate  # frames with a pitch, out of all
    median_semitones: float | None
    range_semitones: float | None  # between the 5th and the 95th percentile


@dataclass(frozen=True)
class ContinuationReport:
    """Measures of each waveform; `backwards` is the real one played backwards: speech without words."""

    heard: dict[str, RecognisedSpeech]  # prompt, continuation, real, backwards
    voices: dict[str, VoicePitch]  # prompt, continuation, real


def report_continuation(job: ContinuationJob) -> ContinuationReport:
    """Transcribe and measure prompt, continuation and real speech."""
    waveforms = {key: torch.from_numpy(getattr(job, key)) for key in ("prompt", "continuation", "real")}
    heard = {
        "prompt": RecognisedSpeech.of(
            waveforms["prompt"], replace(job.installed, words=False, quality=False, whisper=None)
        ),
        "continuation": RecognisedSpeech.of(waveforms["continuation"], job.installed),
        "real": RecognisedSpeech.of(waveforms["real"], job.installed),
        "backwards": RecognisedSpeech.of(
            waveforms["real"].flip(0), replace(job.installed, voices=False, quality=False)
        ),
    }
    return ContinuationReport(heard, {key: voice_pitch(waveform) for key, waveform in waveforms.items()})


def voice_pitch(waveform: Tensor, min_frames: int = 10) -> VoicePitch:
    """Return the pitch statistics of [samples] at 16 kHz; None where fewer than `min_frames` are voiced."""
    found = pitch(waveform)
    voiced = ShareEstimate(float(found.voiced.sum()), len(found.hz))
    semitones = 12 * torch.log2(found.hz[found.voiced])
    if len(semitones) < min_frames:
        return VoicePitch(voiced, None, None)
    low, high = torch.quantile(semitones, torch.tensor([0.05, 0.95])).tolist()
    return VoicePitch(voiced, float(semitones.median()), high - low)
