"""A text of a hundred words, a dictionary of it, and speech of two speakers, for the tests of the ladder."""

import lzma
from pathlib import Path

import numpy as np

from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.flat_files import Clip
from undertone.train.ladder.passages import LadderText, Passage, Speller, read_ladder_text
from undertone.train.text.unit_inventory import UnitInventory

WORDS = {
    "THE": "DH AH", "A": "AH", "CAT": "K AE T", "TABLE": "T EY B AH L", "SAT": "S AE T", "ON": "AA N", "DOG": "D AO G",
    "BATTLE": "B AE T AH L", "SEES": "S IY Z", "SEE": "S IY", "IT": "IH T", "BOY": "B OY", "BOYS": "B OY Z",
    "AND": "AE N D", "SO": "S OW", "NOT": "N AA T", "BASKET": "B AE S K AH T", "STABLE": "S T EY B AH L",
    "BLANKET": "B L AE NG K AH T", "CASTLE": "K AE S AH L", "BAIT": "B EY T", "GATA": "G EY T AH",
}  # fmt: skip
SENTENCES = [
    "The cat sat on the table, and the dog sees it.",
    "So the boy and the dog sat on a blanket.",
    "A castle, a stable and a basket; the boys see it.",
    "Not a battle, so the cat sees the dog.",
    "The boy sat on the basket, and the cat sat on it.",
    "The bait, the gata and the table on a stable.",
]


def lexicon_file(folder: Path) -> Path:
    path = folder / "lexicon.txt"
    path.write_text("".join(f"{word} {phones}\n" for word, phones in WORDS.items()))
    return path


def text_folder(folder: Path, books: int = 40) -> Path:
    rows = ["book\tsentence"]
    for book in range(books):
        rows += [f"book-{book}\t{SENTENCES[(book + number) % len(SENTENCES)]}" for number in range(20)]
    with lzma.open(folder / "books.tsv.xz", "wt", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    return folder


def speller_of(folder: Path) -> Speller:
    return Speller(Lexicon(lexicon_file(folder)))


def text_of(folder: Path, words: int = 2000) -> LadderText:
    return read_ladder_text(text_folder(folder), Lexicon(lexicon_file(folder)), words)


def passage(speller: Speller, *sentences: str) -> Passage:
    return Passage("book", tuple(found for text in sentences if (found := speller.sentence(text))))


def inventory_of(num_phones: int, speakers: tuple[str, ...] = ("s", "t")) -> tuple[UnitInventory, np.ndarray]:
    """Clips of all phones in random order, and units that name their phone: three times it, plus the speaker."""
    random = np.random.default_rng(0)
    aligned, clips, units, offset = {}, [], [], 0
    for number in range(12):
        name, voice = f"c{number}", number % len(speakers)
        symbols = [0, *random.permutation(np.repeat(np.arange(1, num_phones + 1), 2)).tolist(), 0]
        lengths = random.integers(2, 7, len(symbols))
        ends = np.cumsum(lengths).tolist()
        aligned[name] = AlignedClip(name, -1.0, symbols, ends, [1], [1.0] * len(ends))
        clips.append(Clip(name, speakers[voice], "train", "", 0, 0, offset, ends[-1]))
        units.append(np.repeat(3 * np.array(symbols) + voice, lengths))
        offset += ends[-1]
    phones = tuple(f"P{number}" for number in range(num_phones))
    return UnitInventory.build(CorpusAlignment(phones, aligned), clips), np.concatenate(units)
