"""Prose as phones: the sentences of books whose words the dictionary holds, with pauses at their punctuation."""

import csv
import hashlib
import lzma
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undertone.engine.files.atomic_files import whole_file
from undertone.train.alignment.ctc import AlignedClip
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError

# Northanger Abbey and The Rosary are read in the speech splits.
EXCLUDED_BOOKS = ("northanger-abbey", "the-rosary")
HELD_OUT_BOOKS = ("cranford", "kidnapped")  # to measure on, never rendered for training
TITLES = re.compile(r"\b(mrs?|ms|dr|st|messrs|capt|col|rev|hon|no)\.(?=\s)", re.IGNORECASE)  # whose full stop is none
PAUSES = re.compile(r"(?:--+|[,;:.!?()\[\]])[\s\"'_*]*")
MIN_WORDS, MAX_WORDS = 3, 60


@dataclass(frozen=True)
class Prose:
    """Encoded sentences in the order of the books; symbols as in `UnitInventory`, SILENCE for a pause."""

    symbols: np.ndarray  # uint8, all sentences end to end
    offsets: np.ndarray  # int64 [sentences + 1]
    book: np.ndarray  # int32 [sentences]
    books: tuple[str, ...]
    skipped: int  # sentences with a word that the dictionary does not hold, or too short or long

    def __len__(self) -> int:
        return len(self.book)

    def sentence(self, number: int) -> np.ndarray:
        """Return the symbols of a sentence."""
        return self.symbols[self.offsets[number] : self.offsets[number + 1]]


def prose_file(text: Path) -> Path:
    """Return the file of a folder of prose.

    Raises:
        CorpusError: no such file.
    """
    source = text / "books.tsv.xz"
    if not source.is_file():
        raise CorpusError(f"{source} does not exist; pass the folder of the prose with --text")
    return source


def book_sentences(text: Path) -> Iterator[tuple[str, str]]:
    """Yield (book, sentence) of a folder of prose, without the books that the speech splits read.

    Raises:
        CorpusError: no such file.
    """
    with lzma.open(prose_file(text), "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["book"] not in EXCLUDED_BOOKS:
                yield row["book"], row["sentence"]


def phones_of_sentence(sentence: str, lexicon: Lexicon) -> list[int] | None:
    """Return the symbols of a sentence, None where a word is unknown or there are too few or too many words."""
    plain = TITLES.sub(r"\1", lexicon.spoken(sentence))
    if not MIN_WORDS <= len(lexicon.words(plain)) <= MAX_WORDS:
        return None
    found: list[int] = []
    for phrase in PAUSES.split(plain):
        if not lexicon.words(phrase):
            continue
        classes = lexicon.classes(phrase)
        if classes is None:
            return None
        found += [SILENCE, *classes] if found else classes
    return found


def read_prose(text: Path, lexicon: Lexicon, out: Path, held_out: bool = False) -> Prose:
    """Return the sentences of `books.tsv.xz`, encoded once and kept in `out`.

    Args:
        text: folder with books.tsv.xz: book, sentence.
        held_out: the books to measure on instead of those to train on.
    Raises:
        CorpusError: no such file.
    """
    source = prose_file(text)
    facts = (source.stat().st_size, lexicon.inventory, EXCLUDED_BOOKS, HELD_OUT_BOOKS, held_out, 2)
    path = out / f"prose-{hashlib.sha256(repr(facts).encode()).hexdigest()[:12]}.npz"
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        _encode_all(text, lexicon, held_out, path)
    with np.load(path) as stored:
        columns = {name: stored[name] for name in ("symbols", "offsets", "book")}
        return Prose(**columns, books=tuple(stored["books"].tolist()), skipped=int(stored["skipped"]))


def transcribed_prose(clips: Sequence[AlignedClip], num_phones: int) -> Prose:
    """Return the transcripts of aligned clips as prose: text without words that the speech does not hold."""
    known = [np.array(clip.symbols, dtype=np.uint8) for clip in clips if max(clip.symbols) <= num_phones]
    if not known:
        raise CorpusError("every aligned clip has a word that is not in the dictionary; there is no text to render")
    offsets = np.cumsum([0, *map(len, known)])
    return Prose(np.concatenate(known), offsets, np.arange(len(known)), ("transcripts",), len(clips) - len(known))


def _encode_all(text: Path, lexicon: Lexicon, held_out: bool, path: Path) -> None:
    books: dict[str, int] = {}
    sentences: list[np.ndarray] = []
    book: list[int] = []
    skipped = 0
    for name, sentence in book_sentences(text):
        if (name in HELD_OUT_BOOKS) != held_out:
            continue
        symbols = phones_of_sentence(sentence, lexicon)
        if symbols is None:
            skipped += 1
            continue
        book.append(books.setdefault(name, len(books)))
        sentences.append(np.array(symbols, dtype=np.uint8))
    with whole_file(path) as unfinished:
        np.savez(
            unfinished,
            symbols=np.concatenate([np.zeros(0, dtype=np.uint8), *sentences]),
            offsets=np.cumsum([0, *map(len, sentences)]),
            book=np.array(book, dtype=np.int32),
            books=np.array(list(books)),
            skipped=skipped,
        )
