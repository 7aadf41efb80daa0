"""The seven token streams of a text. A stream gives every word its tokens, so that all can be cut at the same words.

Between neighbours one thing changes: letters become phones (text to phone), pieces become single symbols (BPE to raw),
phones last as long as in speech (repeat), phones become units of one speaker, then of many.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from undertone.engine.ladder import Rung
from undertone.train.alignment.segments import SILENCE
from undertone.train.ladder.passages import Passage, TextWord
from undertone.train.ladder.pieces import NUM_LETTERS, Pieces, letters_of
from undertone.train.ladder.splicer import Memory, Splicer

WORD_BEGIN = 0  # what letters call the space before a word
PIECES = 1024  # of both byte-pair streams


class TokenStream(Protocol):
    """Token stream of a text."""

    vocabulary: int

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the tokens of every word and pause, int64 [tokens] each.

        Args:
            words: of one sentence, or of several in one voice.
            key: decides what is drawn: the same words with the same key have the same tokens.
            memory: see `Splicer.segments`; streams that draw nothing leave it alone.
        """
        ...


class LetterStream:
    """Letters with a space before each word."""

    vocabulary = NUM_LETTERS + 2  # the space first, the pause last

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the letters of every word, see `TokenStream.encode`."""
        return [_array([WORD_BEGIN, *letters_of(word)] if word.spelling else [NUM_LETTERS + 1]) for word in words]


class PhoneStream:
    """Phones without a sign between words; a pause is one symbol."""

    def __init__(self, num_phones: int) -> None:
        self.vocabulary = num_phones + 1

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the phones of every word, see `TokenStream.encode`."""
        return [_array(word.phones) for word in words]


class PieceStream:
    """Byte-pair pieces of words, learnt on the text to train on.

    Args:
        text: words to learn the pieces of, as often as they occur.
        phones: of phones instead of letters; pieces of phones do not say where a word begins.
    """

    def __init__(self, text: Iterable[TextWord], phones: bool, size: int = PIECES) -> None:
        self._phones = phones
        self._pieces = Pieces((self._symbols(word) for word in text if word.spelling), size)
        self.vocabulary = self._pieces.vocabulary + 1  # the pause last

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the pieces of every word, see `TokenStream.encode`."""
        pause = [self.vocabulary - 1]
        return [_array(self._pieces.encode(self._symbols(word)) if word.spelling else pause) for word in words]

    def _symbols(self, word: TextWord) -> list[int]:
        return list(word.phones) if self._phones else [WORD_BEGIN, *letters_of(word)]


class FrameStream:
    """One token for every frame of recorded segments: the phone that they are, or the unit that was heard.

    Two streams of one splicer take the same segments, so they have the same length.

    Args:
        splicer: chooses the segments.
        units: int [frames] of the flat files; None: the phone of the segment, repeated.
        num_units: V.
    """

    def __init__(self, splicer: Splicer, units: np.ndarray | None, num_units: int) -> None:
        self._splicer, self._units = splicer, units
        self.vocabulary = num_units

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the tokens of every word's frames, see `TokenStream.encode`."""
        random = np.random.default_rng(key)
        phones = np.array([phone for word in words for phone in word.phones], dtype=np.int64)
        segments = self._splicer.segments(phones.tolist(), self._splicer.draw_speaker(random), random, memory)
        table = self._splicer.inventory.units
        lengths = table.end[segments] - table.start[segments]
        if self._units is None:
            tokens = np.repeat(phones, lengths)
        else:
            tokens = self._units[table.frames(segments)].astype(np.int64)
        last_phones = np.cumsum([len(word.phones) for word in words])
        ends = np.cumsum(lengths)[last_phones - 1]
        return np.split(tokens, ends[:-1])


def make_stream(
    rung: Rung,
    text: Sequence[Passage],
    num_phones: int,
    splicers: dict[bool, Splicer],
    units: np.ndarray,
    num_units: int,
) -> TokenStream:
    """Return the stream of a rung.

    Args:
        text: to train on, of which pieces are learnt.
        splicers: by whether they speak with one speaker.
        units: int [frames] of the flat files.
    """
    if rung in ("text-bpe", "phone-bpe"):
        return PieceStream((word for passage in text for word in passage.words), rung == "phone-bpe")
    if rung == "text-raw":
        return LetterStream()
    if rung == "phone-raw":
        return PhoneStream(num_phones)
    if rung == "phone-repeat":
        return FrameStream(splicers[True], None, num_phones + 1)
    return FrameStream(splicers[rung == "speech-one"], units, num_units)


def encode_passages(stream: TokenStream, passages: Sequence[Passage], seed: int = 0) -> list[np.ndarray]:
    """Return the tokens of every word of passages, each with those of the pause before it, int64 [tokens] each.

    Sentences are spoken one by one, each in its own voice where the stream has voices.
    """
    found: list[np.ndarray] = []
    for number, passage in enumerate(passages):
        for place, sentence in enumerate(passage.sentences):
            words = (TextWord("", (SILENCE,)), *sentence)
            found += _with_pauses(words, stream.encode(words, (seed, number, place)))
    return found


def _with_pauses(words: Sequence[TextWord], tokens: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    before: list[np.ndarray] = []
    for word, own in zip(words, tokens, strict=True):
        before.append(own)
        if word.spelling:
            yield np.concatenate(before)
            before = []


def _array(tokens: Sequence[int]) -> np.ndarray:
    return np.array(tokens, dtype=np.int64)
