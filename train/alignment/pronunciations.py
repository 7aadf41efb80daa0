"""Pronouncing dictionaries as files: CMUdict, Kaldi's lexicon.txt, the Montreal Forced Aligner's, plain lists."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from undertone.train.corpora.source import CorpusError

NAMES = ("cmudict.dict", "lexicon.txt")  # that are looked for in a folder
NUMBERED = re.compile(r"\(\d+\)$")  # another pronunciation of a word
STRESSED = re.compile(r"([A-Z]{2})[012]")  # a vowel of ARPAbet
PROBABILITY = re.compile(r"\d*\.\d+|[01]")  # between a word and its phones
COMMENTS = (";;;", "#")
STATED_LANGUAGE = re.compile(r";;;\s*language:\s*([a-z]{2,3})\s*", re.IGNORECASE)  # a first line of ours
NO_WORD = ("<", "[", "!")  # begins an entry that stands for no word, as <unk> and !SIL


def list_pronunciations(source: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the upper-case words of a dictionary with their phones, stress marks of ARPAbet removed.

    A line is a word, probabilities where there are any, and its phones, with spaces or tabs between; another
    pronunciation has another line, its word with or without a number behind it.

    Args:
        source: the file, or a folder that holds `cmudict.dict` or `lexicon.txt`.
    Raises:
        CorpusError: no such file, not UTF-8, or a word without phones.
    """
    path = _dictionary_in(source)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}); convert it first") from error
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith((*COMMENTS, *NO_WORD)):
            continue
        word, *phones = line.split("#")[0].split()
        while phones and PROBABILITY.fullmatch(phones[0]):
            phones = phones[1:]
        if not phones:
            raise CorpusError(f"{path}, line {number}: {word!r} has no phones; expected a word and its phones")
        spelling = unicodedata.normalize("NFC", NUMBERED.sub("", word)).upper()
        yield spelling, tuple(STRESSED.sub(r"\1", phone) for phone in phones)


def first_pronunciations(source: Path) -> dict[str, tuple[str, ...]]:
    """Return the phones of the first line of every word, see `list_pronunciations`.

    Raises:
        CorpusError: as there, or a dictionary without words.
    """
    found: dict[str, tuple[str, ...]] = {}
    for word, phones in list_pronunciations(source):
        found.setdefault(word, phones)
    if not found:
        raise CorpusError(f"{source} holds no words; expected one word and its phones in each line")
    return found


def stated_language(source: Path) -> str | None:
    """Return the language that the first line of a dictionary names, lower case; None where it names none."""
    with _dictionary_in(source).open(encoding="utf-8-sig") as lines:
        found = STATED_LANGUAGE.fullmatch(lines.readline(1000))
    return found[1].lower() if found else None


def write_pronunciations(path: Path, words: dict[str, tuple[str, ...]], language: str | None = None) -> None:
    """Write a dictionary that `list_pronunciations` reads, words in order, with its language where it is known."""
    head = f";;; language: {language}\n" if language else ""
    lines = (f"{word} {' '.join(phones)}\n" for word, phones in sorted(words.items()))
    path.write_text(head + "".join(lines), encoding="utf-8")


def _dictionary_in(source: Path) -> Path:
    if source.is_file():
        return source
    for name in NAMES:
        if (source / name).is_file():
            return source / name
    raise CorpusError(
        f"{source} holds no {' or '.join(NAMES)}; pass a pronouncing dictionary or its folder with --lexicon, for "
        "English the CMU dictionary"
    )
