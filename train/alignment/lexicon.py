"""Words to phones with a pronouncing dictionary; CMUdict's inventory has 39 phones without stress."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from undertone.engine.words.spoken_numbers import counting_words, number_languages
from undertone.engine.words.spoken_text import APOSTROPHES, is_written, spoken_text
from undertone.train.alignment.pronunciations import first_pronunciations, stated_language
from undertone.train.corpora.source import CorpusError

WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|'[^\W\d_]+(?:'[^\W\d_]+)*")  # letters of any script, apostrophes
NUMBER = re.compile(r"\S*\d\S*")
MAX_UNKNOWN_SHARE = 0.3  # of a clip's words; one unknown word among known ones is none too many
UNKNOWN_NUMBER = "''''"  # what a number is read as: no dictionary holds it


class Lexicon:
    """First pronunciation of every word of a dictionary.

    Args:
        source: a dictionary, or a folder that holds one, see `list_pronunciations`.
    """

    def __init__(self, source: Path) -> None:
        self._phones = first_pronunciations(source)
        self._stated_language = stated_language(source)
        self.inventory = tuple(sorted({phone for phones in self._phones.values() for phone in phones}))
        self._class_of = {phone: index + 1 for index, phone in enumerate(self.inventory)}

    @property
    def unknown_class(self) -> int:
        """Return the class of a word that the dictionary lacks: one behind the phones."""
        return len(self.inventory) + 1

    @cached_property
    def language(self) -> str | None:
        """Return the language that numbers are read in, an ISO 639 code; None where they are not.

        It is the one that the dictionary's first line names (`;;; language: de`), else the one of whose numbers from
        one to twelve the dictionary holds every word.
        """
        if self._stated_language:
            return self._stated_language
        found = (code for code in number_languages() if (counted := counting_words(code)) and self._holds(counted))
        return next(found, None)

    def spoken(self, text: str) -> str:
        """Return a text with numbers, and in English sums, dates and abbreviations, in words, see `spoken_text`."""
        return spoken_text(text, self.language) if is_written(text) and self.language else text

    def words(self, transcript: str) -> list[str]:
        """Return the upper-case words of a transcript as it is read aloud.

        A number that cannot be read becomes a word that no dictionary holds. Every kind of apostrophe counts as one,
        and letters of any script make words, so that what is not in the dictionary is seen to be unknown instead of
        falling to pieces.
        """
        return [word for piece in plain_pieces(self.spoken(transcript)) for word in piece]

    def _holds(self, words: tuple[str, ...]) -> bool:
        return all(self.phones(part) for word in words for part in find_words(word.upper()))

    def phones(self, word: str) -> tuple[str, ...] | None:
        """Return the phones of a word, None when it is unknown; an accent that the dictionary lacks is left out."""
        for spelling in (word, word.strip("'"), _without_accents(word).strip("'")):
            if spelling in self._phones:
                return self._phones[spelling]
        return None

    def classes(self, transcript: str) -> list[int] | None:
        """Return the CTC classes (blank is 0) of a transcript, None when it is empty or a word is unknown."""
        symbols = [symbol for symbol, _ in self._symbols(transcript)]
        return symbols if symbols and self.unknown_class not in symbols else None

    def symbols(self, transcript: str) -> list[tuple[int, bool]] | None:
        """Return the classes of a transcript and whether each begins a word.

        A word that the dictionary lacks is one symbol, `unknown_class`, which stands for any phones.

        Returns:
            None where no word is known, or more than one and than MAX_UNKNOWN_SHARE of them are unknown.
        """
        found = self._symbols(transcript)
        words = sum(first for _, first in found)
        unknown = sum(symbol == self.unknown_class for symbol, _ in found)
        return found if unknown < words and unknown <= max(1, MAX_UNKNOWN_SHARE * words) else None

    def _symbols(self, transcript: str) -> list[tuple[int, bool]]:
        found: list[tuple[int, bool]] = []
        for word in self.words(transcript):
            phones = self.phones(word)
            classes = [self._class_of[phone] for phone in phones] if phones else [self.unknown_class]
            found += [(symbol, not place) for place, symbol in enumerate(classes)]
        return found


@dataclass(frozen=True)
class LexiconCoverage:
    """Coverage of transcripts by a dictionary."""

    clips: int
    with_text: int
    usable: int  # clips whose words are mostly known
    words: int
    unknown: Counter[str]

    @classmethod
    def of(cls, transcripts: Iterable[str], lexicon: Lexicon) -> "LexiconCoverage":
        """Count the words of the transcripts that the dictionary lacks."""
        clips = with_text = usable = words = 0
        unknown: Counter[str] = Counter()
        for transcript in transcripts:
            found = lexicon.words(transcript)
            clips, with_text, words = clips + 1, with_text + bool(found), words + len(found)
            usable += lexicon.symbols(transcript) is not None
            unknown.update(word for word in found if lexicon.phones(word) is None)
        return cls(clips, with_text, usable, words, unknown)

    def summary(self) -> str:
        """Return the counts in a sentence."""
        missing = sum(self.unknown.values())
        common = ", ".join(f"{word} ({count})" for word, count in self.unknown.most_common(5))
        examples = f"; the most frequent unknown ones: {common}" if common else ""
        return (
            f"{self.usable} of {self.clips} clips have a transcript that the dictionary reads ({self.with_text} have "
            f"any text; {missing} of {self.words} words are unknown{examples})"
        ).replace(UNKNOWN_NUMBER, "a number")


def no_words_error(split: str, coverage: LexiconCoverage) -> CorpusError:
    """Return the error of a split without a clip to learn phones from, with what was found instead."""
    hint = (
        "Give transcripts in the dictionary's language (English words for CMUdict), or another dictionary; "
        "`undertone text spell` makes one of letters. Numbers are read where the dictionary holds those from one to "
        "twelve, or names its language in a first line such as `;;; language: de`."
    )
    return CorpusError(f"no clip of the split {split!r} can teach phones: {coverage.summary()}. {hint}")


def plain_pieces(transcript: str) -> Iterator[list[str]]:
    """Yield the upper-case words of each piece of a transcript between spaces, `UNKNOWN_NUMBER` for a number."""
    for piece in re.split(r"\s+", unicodedata.normalize("NFC", transcript).translate(APOSTROPHES)):
        yield [UNKNOWN_NUMBER] if NUMBER.fullmatch(piece) else find_words(piece.upper())


def find_words(piece: str) -> list[str]:
    """Return the words of a piece of text: letters of any script with their marks, and apostrophes within."""
    letters = "".join("x" if unicodedata.category(character)[0] == "M" else character for character in piece)
    return [piece[found.start() : found.end()] for found in WORD.finditer(letters)]


def _without_accents(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
