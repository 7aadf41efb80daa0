"""A dictionary of letters, for languages that have no pronouncing dictionary: every word is said as it is written."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

from undertone.engine.words.spoken_text import spoken_text
from undertone.train.alignment.lexicon import UNKNOWN_NUMBER, plain_pieces
from undertone.train.corpora.source import CorpusError

MAX_LETTERS = 100  # more than these are characters of words or syllables, which a few hours cannot teach
RARE = 5  # occurrences below which a letter is left out, with the words that hold it


def spell_words(transcripts: Iterable[str], language: str | None = None) -> dict[str, tuple[str, ...]]:
    """Return the words of transcripts with their letters, by upper-case spelling; apostrophes are not said.

    Numbers are read in the language, an ISO 639 code; without one they are left out.

    A mark belongs to its letter: decomposed and composed spellings give the same letters. Words with a letter that
    occurs less than RARE times (of a foreign name) are left out, and are then unknown words.

    Raises:
        CorpusError: no words, or more than MAX_LETTERS letters.
    """
    counts = Counter(word for transcript in transcripts for word in _words(transcript, language))
    spelled = {word: _letters(word) for word in counts}
    letters: Counter[str] = Counter()
    for word, found in spelled.items():
        letters.update({letter: found.count(letter) * counts[word] for letter in set(found)})
    common = {letter for letter, count in letters.items() if count >= RARE}
    if not common:
        raise CorpusError(f"the transcripts have no letter that occurs {RARE} times; give a corpus with transcripts")
    if len(common) > MAX_LETTERS:
        raise CorpusError(
            f"the transcripts are written with {len(common)} different letters, more than the {MAX_LETTERS} that can "
            "be learnt from their sounds; give a pronouncing dictionary, or a romanised text"
        )
    return {word: found for word, found in spelled.items() if found and set(found) <= common}


def _words(transcript: str, language: str | None) -> list[str]:
    said = spoken_text(transcript, language) if language else transcript
    return [word for piece in plain_pieces(said) for word in piece if word != UNKNOWN_NUMBER]


def _letters(word: str) -> tuple[str, ...]:
    letters: list[str] = []
    for character in unicodedata.normalize("NFC", word):
        if unicodedata.category(character)[0] == "M" and letters:
            letters[-1] += character
        elif character != "'":
            letters.append(character)
    return tuple(letters)
