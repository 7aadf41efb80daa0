"""Prose as phones."""

import lzma
from pathlib import Path

import pytest

from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.text.prose import phones_of_sentence, read_prose


def test_prose_becomes_phones_with_pauses_at_its_punctuation(lexicon: Lexicon) -> None:
    def names(sentence: str) -> str | None:
        found = phones_of_sentence(sentence, lexicon)
        return None if found is None else " ".join("_" if s == SILENCE else lexicon.inventory[s - 1] for s in found)

    assert names('"The cat," he said') is None  # a word that is not in the dictionary
    assert names("The cat sat -- we ran.") == "DH AH K AE T S AE T _ W IY R AE N"
    assert names('"The cat sat," (we saw).') == "DH AH K AE T S AE T _ W IY S AO"
    assert names("The cat") is None  # too short
    assert names("The cat sat on 3") is None


def test_prose_is_encoded_once_and_held_out_books_stay_apart(lexicon: Lexicon, tmp_path: Path) -> None:
    rows = ["book\tsentence"]
    rows += [f"{book}\tThe cat sat." for book in ("emma", "emma", "cranford", "the-rosary", "persuasion")]
    rows += ["emma\tThe unknowable cat sat.", 'emma\tA dog ran, "a man sat.']
    with lzma.open(tmp_path / "books.tsv.xz", "wt") as file:
        file.write("\n".join(rows) + "\n")
    prose = read_prose(tmp_path, lexicon, tmp_path / "work")
    again = read_prose(tmp_path, lexicon, tmp_path / "work")
    assert len(prose) == len(again) == 4
    assert prose.books == ("emma", "persuasion")
    assert prose.skipped == 1
    assert prose.sentence(0).tolist() == lexicon.classes("the cat sat")
    assert SILENCE in prose.sentence(3)
    assert read_prose(tmp_path, lexicon, tmp_path / "work", held_out=True).books == ("cranford",)
    with pytest.raises(CorpusError, match="--text"):
        read_prose(tmp_path / "none", lexicon, tmp_path)
