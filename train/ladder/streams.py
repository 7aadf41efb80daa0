"""The token streams of a text. A stream gives every word its tokens, so that all can be cut at the same words.

Between neighbours one thing changes: letters become phones (text to phone), pieces become single symbols (BPE to raw),
the sign between words goes (boundary to raw), phones last as long as in speech (repeat), phones become units of one
speaker, then of many, then clusters of the sound that nobody has named.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from undertone.engine.ladder import PAUSE_MARK, Rung
from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.train.alignment.segments import SILENCE
from undertone.train.ladder.cluster_units import NUM_CLUSTERS
from undertone.train.ladder.passages import Passage, TextWord
from undertone.train.ladder.pieces import LETTERS, NUM_LETTERS, UNKNOWN, Pieces, letters_of
from undertone.train.ladder.splicer import Memory, Splicer

WORD_BEGIN = 0  # what letters call the space before a word
SPACE = "_"  # how it is shown
PIECES = 1024  # of both byte-pair streams


class TokenStream(Protocol):
    """Token stream of a text."""

    names: tuple[str, ...]  # of all tokens, as they are shown

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

    names = (SPACE, *LETTERS, PAUSE_MARK)

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the letters of every word, see `TokenStream.encode`."""
        return [_array([WORD_BEGIN, *letters_of(word)] if word.spelling else [NUM_LETTERS + 1]) for word in words]


class PhoneStream:
    """Phones; a pause is one symbol.

    Args:
        phones: of the dictionary.
        boundaries: begin every word with a sign of its own, the last token.
    """

    def __init__(self, phones: Sequence[str], boundaries: bool = False) -> None:
        self.names = (PAUSE_MARK, *phones, *([SPACE] if boundaries else []))
        self._before = [len(phones) + 1] if boundaries else []

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the phones of every word, see `TokenStream.encode`."""
        return [_array([*self._before, *word.phones] if word.spelling else word.phones) for word in words]


class PieceStream:
    """Byte-pair pieces of words, learnt on the text to train on.

    Args:
        text: words to learn the pieces of, as often as they occur.
        phones: names of phones, of which pieces are then made; they do not say where a word begins. None: of letters.
    """

    def __init__(self, text: Iterable[TextWord], phones: Sequence[str] | None, size: int = PIECES) -> None:
        self._phones = phones is not None
        self._pieces = Pieces((self._symbols(word) for word in text if word.spelling), size)
        symbols, joint = ((SPACE, *LETTERS), "") if phones is None else ((PAUSE_MARK, *phones), "-")
        pieces = (self._pieces.symbols(piece) for piece in range(self._pieces.vocabulary))
        self.names = (*(joint.join(symbols[symbol] for symbol in piece) or UNKNOWN for piece in pieces), PAUSE_MARK)

    def encode(self, words: Sequence[TextWord], key: tuple[int, ...], memory: Memory | None = None) -> list[np.ndarray]:
        """Return the pieces of every word, see `TokenStream.encode`."""
        pause = [len(self.names) - 1]
        return [_array(self._pieces.encode(self._symbols(word)) if word.spelling else pause) for word in words]

    def _symbols(self, word: TextWord) -> list[int]:
        return list(word.phones) if self._phones else [WORD_BEGIN, *letters_of(word)]


class FrameStream:
    """One token for every frame of recorded segments: the phone that they are, or the unit that was heard.

    Two streams of one splicer take the same segments, so they have the same length.

    Args:
        splicer: chooses the segments.
        units: int [frames] of the flat files; None: the phone of the segment, repeated.
        names: of the units, or of the pause and the phones.
    """

    def __init__(self, splicer: Splicer, units: np.ndarray | None, names: Sequence[str]) -> None:
        self._splicer, self._units = splicer, units
        self.names = tuple(names)

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


@dataclass(frozen=True)
class SpeechOfLadder:
    """Recorded speech that the streams of frames are spliced from.

    Attributes:
        splicers: by whether they speak with one speaker.
        units: of the bundle's tokenizer, parts of phones, int [frames] of the flat files.
        clusters: of the sound, of the same frames.
    """

    splicers: dict[bool, Splicer]
    units: np.ndarray
    clusters: np.ndarray


def make_stream(rung: Rung, text: Sequence[Passage], phones: Sequence[str], speech: SpeechOfLadder) -> TokenStream:
    """Return the stream of a rung.

    Args:
        text: to train on, of which pieces are learnt.
        phones: of the dictionary.
    """
    if rung in ("text-bpe", "phone-bpe"):
        return PieceStream(
            (word for passage in text for word in passage.words), phones if rung == "phone-bpe" else None
        )
    if rung == "text-raw":
        return LetterStream()
    if rung in ("phone-raw", "phone-boundary"):
        return PhoneStream(phones, boundaries=rung == "phone-boundary")
    if rung == "phone-repeat":
        return FrameStream(speech.splicers[True], None, (PAUSE_MARK, *phones))
    if rung == "speech-clusters":
        return FrameStream(speech.splicers[False], speech.clusters, [f"c{number}" for number in range(NUM_CLUSTERS)])
    names = [f"{name}{part + 1}" for name in (PAUSE_MARK, *phones) for part in range(PARTS_OF_PHONE)]
    return FrameStream(speech.splicers[rung == "speech-one"], speech.units, names)


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
