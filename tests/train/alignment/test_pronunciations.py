"""Pronouncing dictionaries in the layouts that people have, and dictionaries of letters."""

from pathlib import Path

import pytest

from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.pronunciations import first_pronunciations, list_pronunciations, write_pronunciations
from undertone.train.alignment.spelling import spell_words
from undertone.train.corpora.source import CorpusError

LAYOUTS = {
    "cmudict.dict": "straße SH T R AA1 S AH0 # of a loan\nstraße(2) S T R AA1 S AH0\nein AY1 N\n",
    "lexicon.txt": "<eps> sil\n!SIL SIL\nStraße SH T R AA S AH\nein AY N\n",  # Kaldi
    "german_mfa.dict": "straße\t0.99\t0.12\t1.2\t0.9\tSH T R AA S AH\nein\t0.5\t0.1\t1.0\t1\tAY N\nein\t0.2\tAH N\n",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_says_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("\ufeff" + LAYOUTS[name], encoding="utf-8")  # as editors on Windows begin a file
    found = Lexicon(path if name.startswith("german") else tmp_path)
    assert found.inventory == ("AA", "AH", "AY", "N", "R", "S", "SH", "T")
    assert found.phones("STRASSE") == ("SH", "T", "R", "AA", "S", "AH")
    assert found.classes("Eine Straße") is None
    assert found.classes("ein,  stra\u00dfe!") == [3, 4, 7, 8, 5, 1, 6, 2]


def test_what_is_no_dictionary_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cmudict\.dict or lexicon\.txt"):
        first_pronunciations(tmp_path)
    path = tmp_path / "mine.dict"
    for content, message in (
        (b"one W AH N\ntwo\n", "line 2: 'two' has no phones"),
        ("gr\u00fcn G".encode("latin-1"), "not UTF-8"),
        (b"# nothing\n\n", "holds no words"),
    ):
        path.write_bytes(content)
        with pytest.raises(CorpusError, match=message):
            first_pronunciations(path)


def test_tones_and_other_inventories_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "pinyin.dict"
    path.write_text("\u9a6c m a3\n\u5988 m a1\n", encoding="utf-8")
    assert Lexicon(path).inventory == ("a1", "a3", "m")


def test_letters_of_any_script_with_their_marks(tmp_path: Path) -> None:
    texts = ["na\u00efve na\u0131ve", "\u0939\u093f\u0928\u094d\u0926\u0940 don't 42"] * 6 + ["\u0416"]
    words = spell_words(texts)
    assert words["NA\u00cfVE"] == ("N", "A", "\u00cf", "V", "E")
    assert words["DON'T"] == ("D", "O", "N", "T")
    hindi = words["\u0939\u093f\u0928\u094d\u0926\u0940"]
    assert "".join(hindi) == "\u0939\u093f\u0928\u094d\u0926\u0940"
    assert len(hindi) == 3, "vowel signs belong to their letters"
    assert "\u0416" not in words, "one letter of a foreign name cannot be learnt"
    path = tmp_path / "letters.dict"
    write_pronunciations(path, words)
    assert dict(list_pronunciations(path)) == words
    lexicon = Lexicon(path)
    assert lexicon.classes("nai\u0308ve") == lexicon.classes("NA\u00cfVE") is not None  # decomposed, composed
    assert lexicon.unknown_class in dict.fromkeys(symbol for symbol, _ in lexicon.symbols("naïve don't naïve 42") or [])


def test_characters_that_hours_cannot_teach_are_refused() -> None:
    with pytest.raises(CorpusError, match="romanised"):
        spell_words(["".join(chr(0x4E00 + number) for number in range(200))] * 6)
    with pytest.raises(CorpusError, match="no letter"):
        spell_words(["12 34", ""])
