"""Text of the ladder: passages of books as words with their phones, every word in the dictionary.

A pause stands at punctuation and between sentences, in every stream, so that streams differ in form alone.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from undertone.engine.ladder import PAUSE_MARK
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.text.prose import MAX_WORDS, MIN_WORDS, PAUSES, TITLES, book_sentences

HELD_OUT_SHARE = 8  # every so many-th book, by a hash of its name, is held out of training
HELD_OUT_WORDS = 8000  # of each book that is held out


@dataclass(frozen=True)
class TextWord:
    """A word, or a pause: no letters, and the phone of silence."""

    spelling: str  # upper case
    phones: tuple[int, ...]  # from 1, in the dictionary's order; SILENCE for a pause


PAUSE = TextWord("", (SILENCE,))
Sentence = tuple[TextWord, ...]  # pauses within, none at its ends


@dataclass(frozen=True)
class Passage:
    """Sentences of one book that follow each other; those with an unknown word are left out."""

    book: str
    sentences: tuple[Sentence, ...]

    @property
    def words(self) -> list[TextWord]:
        """Return all words with a pause between sentences."""
        found: list[TextWord] = []
        for sentence in self.sentences:
            found += [PAUSE, *sentence] if found else sentence
        return found


class Speller:
    """Words of texts, with their phones.

    Args:
        lexicon: the pronouncing dictionary; other words are unknown.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.phone_class = {phone: number + 1 for number, phone in enumerate(lexicon.inventory)}

    def word(self, spelling: str) -> TextWord | None:
        """Return a word, None where the dictionary lacks it."""
        phones = self.lexicon.phones(spelling)
        return TextWord(spelling, tuple(self.phone_class[phone] for phone in phones)) if phones else None

    def sentence(self, text: str) -> Sentence | None:
        """Return the words of a sentence of a book, None where one is unknown or there are too few or too many."""
        plain = TITLES.sub(r"\1", self.lexicon.spoken(text))
        found: list[TextWord] = []
        for phrase in PAUSES.split(plain):
            words = [self.word(spelling) for spelling in self.lexicon.words(phrase)]
            known = [word for word in words if word is not None]
            if len(known) < len(words):
                return None
            found += [PAUSE, *known] if found and known else known
        return tuple(found) if MIN_WORDS <= num_words(found) <= MAX_WORDS else None

    def text(self, marked: str) -> list[TextWord]:
        """Return the words of a pair's text.

        Raises:
            CorpusError: a word that the dictionary lacks.
        """
        found = []
        for spelling in marked.split():
            word = PAUSE if spelling == PAUSE_MARK else self.word(spelling)
            if word is None:
                raise CorpusError(f"the dictionary has no word {spelling!r}, which a pair is made of")
            found.append(word)
        return found


def marked_text(words: Iterable[TextWord]) -> str:
    """Return words as a pair's text, which `Speller.text` reads."""
    return " ".join(word.spelling or PAUSE_MARK for word in words)


def num_words(words: Iterable[TextWord]) -> int:
    """Return how many words there are, pauses not counted."""
    return sum(bool(word.spelling) for word in words)


def count_spellings(passages: Iterable[Passage]) -> Counter[str]:
    """Count the words of passages."""
    return Counter(word.spelling for passage in passages for word in passage.words if word.spelling)


@dataclass(frozen=True)
class LadderText:
    """Passages to train on, and others of books that are in none of them."""

    train: tuple[Passage, ...]
    held_out: tuple[Passage, ...]

    @property
    def num_words(self) -> int:
        """Return the words to train on."""
        return sum(num_words(passage.words) for passage in self.train)


def is_held_out_book(book: str) -> bool:
    """Return whether a book is kept out of training; the same for every size of the text."""
    return int(hashlib.sha256(book.encode()).hexdigest(), 16) % HELD_OUT_SHARE == 0


def read_ladder_text(
    text: Path, lexicon: Lexicon, train_words: int, held_out_books: Collection[str] | None = None
) -> LadderText:
    """Return one passage of each book: the first part of every book to train on, and of those that are held out.

    Args:
        text: folder with `books.tsv.xz`: book, sentence.
        train_words: spread evenly over the books.
        held_out_books: which, whole; None chooses by a hash, and takes the first part of each.
    Raises:
        CorpusError: no such file, or no book on one of the two sides.
    """
    books: dict[str, list[str]] = {}
    for book, sentence in book_sentences(text):
        books.setdefault(book, []).append(sentence)
    if held_out_books is None:
        chosen, held_out_words = {book for book in books if is_held_out_book(book)}, HELD_OUT_WORDS
    else:
        chosen, held_out_words = set(held_out_books), sys.maxsize
    held_out = [book for book in books if book in chosen]
    trained = [book for book in books if book not in chosen]
    if not held_out or not trained:
        raise CorpusError(f"{text} holds {len(books)} books; about {2 * HELD_OUT_SHARE} are needed to hold one out")
    speller = Speller(lexicon)
    each = -(-train_words // len(trained))  # rounded up
    return LadderText(
        tuple(_passage(book, books[book], speller, each) for book in trained),
        tuple(_passage(book, books[book], speller, held_out_words) for book in held_out),
    )


def _passage(book: str, lines: list[str], speller: Speller, words: int) -> Passage:
    """Read a book's sentences until there are so many words."""
    found: list[Sentence] = []
    total = 0
    for sentence in _known(lines, speller):
        found.append(sentence)
        total += num_words(sentence)
        if total >= words:
            break
    return Passage(book, tuple(found))


def _known(lines: Iterable[str], speller: Speller) -> Iterator[Sentence]:
    for line in lines:
        sentence = speller.sentence(line)
        if sentence is not None:
            yield sentence
