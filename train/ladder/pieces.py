"""Byte-pair pieces of words, spelled in letters or in phones: merges never cross a word's ends."""

from collections.abc import Iterable, Sequence
from functools import cache

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from undertone.train.ladder.passages import TextWord

FIRST_CHARACTER = 0x4E00  # of the characters that stand for symbols: letters to the library, one each
UNKNOWN = "?"


class Pieces:
    """Pieces of words as sequences of symbols, learnt by byte-pair encoding (arXiv 1508.07909).

    Args:
        words: of the training text, as symbols; as often as they occur.
        size: pieces at most.
    """

    def __init__(self, words: Iterable[Sequence[int]], size: int) -> None:
        self._tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
        self._tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[UNKNOWN], show_progress=False)
        self._tokenizer.train_from_iterator((_characters(word) for word in words), trainer)
        self._pieces = cache(self._encode)

    @property
    def vocabulary(self) -> int:
        """Return how many pieces there are, with one for symbols that the training text lacks."""
        return self._tokenizer.get_vocab_size()

    def encode(self, word: Sequence[int]) -> list[int]:
        """Return the pieces of a word."""
        return list(self._pieces(tuple(word)))

    def symbols(self, piece: int) -> list[int]:
        """Return the symbols of a piece; none of that for unknown symbols, and of what is no piece."""
        characters = self._tokenizer.id_to_token(piece)
        if characters is None or characters == UNKNOWN:
            return []
        return [ord(character) - FIRST_CHARACTER for character in characters]

    def _encode(self, word: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(_characters(word)).ids)


def _characters(symbols: Sequence[int]) -> str:
    return "".join(chr(FIRST_CHARACTER + symbol) for symbol in symbols)


def letters_of(word: TextWord) -> list[int]:
    """Return the letters of a word as numbers: A to Z from 1, the apostrophe 27, anything else 28."""
    return [_letter(character) for character in word.spelling]


NUM_LETTERS = 28  # with the apostrophe and what is neither
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'?"


def _letter(character: str) -> int:
    if "A" <= character <= "Z":
        return ord(character) - ord("A") + 1
    return 27 if character == "'" else NUM_LETTERS
