"""Encodings of transcripts, told from the files or given."""

from pathlib import Path

import pytest

from undertone.train.corpora.source import CorpusError, Notes
from undertone.train.corpora.text_files import check_encoding, read_text

RUSSIAN = ("Съешь же ещё этих мягких булок.", "Да выпей чаю.", "Зима в этом году наступила рано.")
CZECH = ("Příliš žluťoučký kůň", "Kde bydlíš, Jiří?", "Děti šly do školy, když pršelo.")
FRENCH = ("Où étiez-vous passée ?", "Le garçon naïf de la forêt.", "Élève, cœur, été.")
JAPANESE = ("東京で会いましょう。", "いろはにほへと", "今日はいい天気ですね。")


def corpus(folder: Path, sentences: tuple[str, ...], encoding: str) -> list[Path]:
    files = [folder / f"{number}.txt" for number in range(len(sentences))]
    for path, sentence in zip(files, sentences, strict=True):
        path.write_bytes(sentence.encode(encoding))
    return files


@pytest.mark.parametrize(
    ("sentences", "encoding"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (CZECH, "cp1250"), (FRENCH, "cp1252"), (JAPANESE, "cp932")],
)
def test_an_encoding_is_told_from_the_files_and_noted(
    sentences: tuple[str, ...], encoding: str, tmp_path: Path
) -> None:
    notes = Notes()
    assert tuple(read_text(path, notes) for path in corpus(tmp_path, sentences, encoding)) == sentences
    assert dict(notes.recoded) == {encoding: len(sentences)}
    assert encoding not in notes.facts()["encodings_that_fit"]


def test_files_in_unicode_among_them_stay_so_and_a_given_encoding_is_taken(tmp_path: Path) -> None:
    first, second, third = corpus(tmp_path, RUSSIAN, "koi8_r")
    second.write_text(RUSSIAN[1], encoding="utf-8")
    notes = Notes(encoding=check_encoding("KOI8-R"))
    assert tuple(read_text(path, notes) for path in (first, second, third)) == RUSSIAN
    assert dict(notes.recoded) == {"koi8-r": 2}


def test_what_is_no_text_in_the_encoding_of_the_corpus_is_named(tmp_path: Path) -> None:
    (path,) = corpus(tmp_path, ("\x81",), "latin-1")
    with pytest.raises(CorpusError, match=r"0\.txt is no text in cp932, which was given"):
        read_text(path, Notes(encoding="cp932"))
    with pytest.raises(CorpusError, match="there is no encoding 'klingon'"):
        check_encoding("klingon")
