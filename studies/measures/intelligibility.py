"""Offline speech recognition by PocketSphinx 5 with its own US English models.

Its error on ground truth is high (about one character in five of LibriSpeech), so a number only means something
beside that of ground truth read by the same recogniser.

Its vocabulary is closed: every sound becomes some words of its lexicon, babble too, and "share of the transcript's
words that are in the lexicon" is always one. A word therefore counts as real only where the sound bears it out: its
acoustic likelihood is close to that of the best speech sounds found freely, and the lattice leaves it some probability.
On LibriSpeech speakers outside the test split, the limits below accept 82 % of the correctly recognised words of
natural speech and 73 % of all, 28 % of the words heard in the same speech played backwards and 18 % in the same
speech with its phones shuffled.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.words.spoken_text import spoken_text
from undertone.studies.errors import NotInstalledError
from undertone.studies.measures.intervals import ShareEstimate

if TYPE_CHECKING:
    from pocketsphinx import Decoder

INSTALL = "pip install 'undertone[evaluate]'"
DITHER = 1.0  # standard deviation in steps of 16 bit
MIN_FIT_NATS = -4.0  # log likelihood per 10 ms, above the best speech sound of each frame
MIN_PROBABILITY = 0.1  # of the word in the lattice


@dataclass(frozen=True)
class Word:
    """One word of a transcript."""

    text: str
    fit_nats: float  # mean over its frames of the log likelihood relative to the best speech sound; 0 is perfect
    probability: float  # in the recogniser's lattice

    @property
    def is_real(self) -> bool:
        """Return whether the sound supports the word."""
        return self.fit_nats >= MIN_FIT_NATS and self.probability >= MIN_PROBABILITY


@dataclass(frozen=True)
class Transcript:
    """Recognised words of a waveform."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Return the words, lower case."""
        return " ".join(word.text for word in self.words)

    @property
    def real_words(self) -> ShareEstimate:
        """Return the words that the sound supports, out of all."""
        return ShareEstimate(sum(word.is_real for word in self.words), len(self.words))


def check_recogniser_installed() -> None:
    """Raise NotInstalledError, naming the command, where the recogniser is missing."""
    for package in ("pocketsphinx", "jiwer"):
        if find_spec(package) is None:
            raise NotInstalledError(f"error rates need the package {package}: `{INSTALL}`.")


def transcribe(waveform: Tensor) -> Transcript:
    """Recognise the words of a waveform, float32 [samples] at 16 kHz; the same waveform always gives the same words."""
    decoder = _decoder()
    decoder.reinit_feat()  # forget the level and the noise of the waveform before
    decoder.start_utt()
    decoder.process_raw(_samples(waveform).tobytes(), full_utt=True)
    decoder.end_utt()
    segments = (decoder.seg() or ()) if decoder.hyp() else ()
    return Transcript(
        tuple(
            Word(_spelling(segment.word), _fit_nats(segment), min(1.0, segment.prob))
            for segment in segments
            if segment.word[0] not in "<[+"  # silence, breath and noise
        )
    )


def character_errors(reference: str, heard: str) -> ShareEstimate:
    """Count the character edits from one text to the other, out of the reference's characters."""
    import jiwer

    counts = jiwer.process_characters(normalise_text(reference), heard)
    return ShareEstimate(counts.substitutions + counts.deletions + counts.insertions, len(normalise_text(reference)))


def word_errors(reference: str, heard: str) -> ShareEstimate:
    """Count the word edits from one text to the other, out of the reference's words."""
    import jiwer

    counts = jiwer.process_words(normalise_text(reference), heard)
    return ShareEstimate(
        counts.substitutions + counts.deletions + counts.insertions, len(normalise_text(reference).split())
    )


def normalise_text(text: str) -> str:
    """Reduce an English text to lower case letters, apostrophes and single spaces, numbers as they are read aloud."""
    return " ".join(re.sub(r"[^a-z']+", " ", spoken_text(text).lower()).split())


@lru_cache(maxsize=1)
def _decoder() -> "Decoder":
    """Return the recogniser of this process, with the settings it ships with; not for several threads at once."""
    check_recogniser_installed()
    from pocketsphinx import Decoder

    # The mean is taken over the whole clip: "live" would carry it from one clip to the next.
    return Decoder(samprate=SAMPLE_RATE_HZ, cmn="batch", loglevel="FATAL")


def _samples(waveform: Tensor) -> NDArray[np.int16]:
    """Return 16-bit samples with a rounding noise: in digital silence every word would fit perfectly."""
    noise = DITHER * np.random.default_rng(0).standard_normal(len(waveform))
    return (32767 * waveform.numpy() + noise).round().clip(-32767, 32767).astype(np.int16)


def _fit_nats(segment: "Decoder") -> float:
    """Return a word's fit, nats a frame, against the best of all speech sounds; 0 where nothing fits."""
    frames = segment.end_frame - segment.start_frame + 1
    return math.log(segment.ascore) / frames if segment.ascore > 0 else -math.inf


def _spelling(word: str) -> str:
    """Return a word without the number of its pronunciation: "the" for "the(2)"."""
    return re.sub(r"\(\d+\)$", "", word)
