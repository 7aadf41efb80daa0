"""Speech recognition by a second recogniser: Whisper by faster-whisper, offline, from a folder with a model.

PocketSphinx errs on one character in seven of clear speech, which hides what a voice does to it; Whisper errs on one in
seventy. Its own certainty, the mean log-probability of what it wrote, also tells fluent speech from babble that no
transcript exists for: speech played backwards is the floor.
"""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from undertone.engine.words.spoken_text import TITLES
from undertone.studies.errors import MeasureError, NotInstalledError
from undertone.studies.measures.intelligibility import INSTALL, normalise_text

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

FOLDER_VARIABLE = "UNDERTONE_WHISPER"
NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
HUB_NAME = r"\w[\w.-]*/[\w.-]+"
SIZE = r"(distil-)?(tiny|base|small|medium|large|turbo)[\w.-]*"  # as faster-whisper names them
BEAM_SIZE = 5
SPELT_OUT = {name: TITLES[name] for name in ("mr", "mrs", "dr", "st")}  # as transcripts of read books have them


@dataclass(frozen=True)
class WhisperTranscript:
    """Whisper's transcript of a waveform and its certainty."""

    text: str  # lower case words, "" where it heard none
    log_prob: float | None  # mean over the tokens, nats; None where it heard none


def whisper_folder(given: str | Path | None) -> Path:
    """Return the folder of the model that was given, else of that of the environment.

    Args:
        given: a folder, or a name that faster-whisper knows (base.en) or the Hub has (OWNER/NAME), which is fetched.
    Raises:
        NotInstalledError: no model is named, or faster-whisper is missing.
        MeasureError: a folder without a model, or a name that cannot be fetched.
    """
    chosen = given or os.environ.get(FOLDER_VARIABLE)
    named = None if chosen is None else fetch_whisper(str(chosen)) if is_model_name(str(chosen)) else Path(chosen)
    if named is None:
        raise NotInstalledError(
            f"Whisper's measures need a faster-whisper model: give its folder or name with --whisper or in "
            f"{FOLDER_VARIABLE}."
        )
    if missing := [name for name in NEEDED_FILES if not (named / name).is_file()]:
        raise MeasureError(
            f"{named} is no faster-whisper model: it lacks {', '.join(missing)}. Expected {', '.join(NEEDED_FILES)} "
            "and a vocabulary, as the repositories `Systran/faster-whisper-*` hold them."
        )
    if find_spec("faster_whisper") is None:
        raise NotInstalledError(f"Whisper's measures need the package faster-whisper: `{INSTALL}`.")
    return named


def is_model_name(text: str) -> bool:
    """Return whether a text names a model to fetch: nothing lies there, and it is a size, or OWNER/NAME of the Hub."""
    return not Path(text).exists() and (
        re.fullmatch(HUB_NAME, text) is not None or re.fullmatch(SIZE, text) is not None
    )


def fetch_whisper(name: str) -> Path:
    """Return the folder of a model of the Hub, fetched once.

    Raises:
        NotInstalledError: faster-whisper is missing.
        MeasureError: no such model, or no network.
    """
    if find_spec("faster_whisper") is None:
        raise NotInstalledError(f"Whisper's measures need the package faster-whisper: `{INSTALL}`.")
    from faster_whisper import download_model

    try:
        return Path(download_model(name))
    except (OSError, ValueError) as error:  # the Hub's errors are OSErrors, a size that is none a ValueError
        raise MeasureError(f"the Whisper model {name!r} cannot be fetched: {error}") from error


def whisper_name(folder: Path) -> str:
    """Return how reports call a model: its folder's name, or the Hub's for what was fetched."""
    if folder.parent.name != "snapshots":
        return folder.name
    return folder.parent.parent.name.removeprefix("models--").replace("--", "/")


def whisper_transcript(waveform: Tensor, folder: Path) -> WhisperTranscript:
    """Recognise the words of a waveform, float32 [samples] at 16 kHz; the same waveform always gives the same words."""
    segments, _ = _model(folder).transcribe(
        waveform.numpy(),
        language="en",
        beam_size=BEAM_SIZE,
        temperature=0.0,  # no second try by sampling
        condition_on_previous_text=False,
        without_timestamps=True,
        suppress_tokens=_suppressed_tokens(folder),
    )
    found = [
        (segment.text, segment.avg_logprob, len(segment.tokens) + 1) for segment in segments
    ]  # and the end's token
    tokens = sum(count for _, _, count in found)
    text = spell_out_titles(" ".join(text for text, _, _ in found))
    return WhisperTranscript(text, sum(mean * count for _, mean, count in found) / tokens if text else None)


def spell_out_titles(text: str) -> str:
    """Return the text in lower case words, numbers and abbreviations of titles spelt out."""
    words = normalise_text(text).split()
    return " ".join(SPELT_OUT.get(word, word) for word in words)


@lru_cache(maxsize=1)
def _model(folder: Path) -> "WhisperModel":
    """Return the recogniser of this process, on one thread, as several processes measure side by side."""
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


@lru_cache(maxsize=1)
def _suppressed_tokens(folder: Path) -> list[int]:
    """Return the tokens that are never written: Whisper's own choice (-1), and digits, so that numbers become words."""
    vocabulary = _model(folder).hf_tokenizer.get_vocab()
    return [-1, *sorted(token for text, token in vocabulary.items() if re.search(r"[0-9]", text) and text[0] != "<")]
