from pathlib import Path

import pytest

from undertone.train.alignment.lexicon import Lexicon, LexiconCoverage, no_words_error
from undertone.train.corpora.source import CorpusError


def test_stress_and_alternatives_are_dropped(lexicon: Lexicon) -> None:
    assert lexicon.phones("THE") == ("DH", "AH")
    assert not any(phone[-1].isdigit() for phone in lexicon.inventory)


def test_classes_start_after_the_blank(lexicon: Lexicon) -> None:
    classes = lexicon.classes("The cat, sat.")
    assert classes is not None
    assert len(classes) == 8
    assert min(classes) >= 1
    assert max(classes) <= len(lexicon.inventory)


@pytest.mark.parametrize("transcript", ["", "the zebra", "cat 9 sat", "...", "the катя sat", "the 猫 sat"])
def test_unknown_words_and_digits_leave_no_whole_transcript(lexicon: Lexicon, transcript: str) -> None:
    assert lexicon.classes(transcript) is None


def test_one_unknown_word_is_one_symbol_among_known_ones(lexicon: Lexicon) -> None:
    for word in ("zyzzyva", "1984", "катя", "schön"):
        found = lexicon.symbols(f"the cat {word} sat")
        assert found is not None
        assert [symbol for symbol, _ in found].count(lexicon.unknown_class) == 1
        assert sum(first for _, first in found) == 4


@pytest.fixture
def small(tmp_path: Path) -> Lexicon:
    (tmp_path / "cmudict.dict").write_text("don't D OW1 N T\ncafe K AH0 F EY1\nit's IH1 T S\ndon D AA1 N\nt T IY1\n")
    return Lexicon(tmp_path)


@pytest.mark.parametrize("apostrophe", "'’‘ʼ＇`´")
def test_every_apostrophe_is_one(small: Lexicon, apostrophe: str) -> None:
    assert small.classes(f"Don{apostrophe}t") == small.classes("don't")
    assert small.words(f"don{apostrophe}t it{apostrophe}s") == ["DON'T", "IT'S"]


@pytest.mark.parametrize("spelling", ["café", "cafe\u0301", "CAFÉ"])
def test_an_accent_that_the_dictionary_lacks_is_left_out(small: Lexicon, spelling: str) -> None:
    assert small.phones(small.words(spelling)[0]) == ("K", "AH", "F", "EY")


def test_letters_of_other_scripts_and_accents_do_not_fall_to_pieces(small: Lexicon) -> None:
    assert small.words("schöne Straße, это д'Артаньян") == ["SCHÖNE", "STRASSE", "ЭТО", "Д'АРТАНЬЯН"]


def test_a_split_without_usable_words_says_what_it_holds(small: Lexicon) -> None:
    coverage = LexiconCoverage.of(["это кот", "", "don't"], small)
    assert (coverage.clips, coverage.with_text, coverage.usable, coverage.words) == (3, 2, 1, 3)
    error = str(no_words_error("train", LexiconCoverage.of(["это кот", "12 30"], small)))
    assert "0 of 2 clips" in error
    assert "4 of 4 words are unknown" in error
    assert "a number (2)" in error


def test_a_folder_without_a_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cmudict\.dict"):
        Lexicon(tmp_path)


COUNTED = "one two three four five six seven eight nine ten eleven twelve"
GEZAEHLT = "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf"


def dictionary(path: Path, words: str, first_line: str = "") -> Lexicon:
    lines = (f"{word} {' '.join(letter.upper() for letter in word)}\n" for word in words.split())
    path.write_text(first_line + "".join(lines), encoding="utf-8")
    return Lexicon(path)


@pytest.mark.parametrize(("words", "language"), [(COUNTED, "en"), (GEZAEHLT, "de"), ("one two", None)])
def test_numbers_are_read_in_the_language_whose_numbers_the_dictionary_holds(
    words: str, language: str | None, tmp_path: Path
) -> None:
    lexicon = dictionary(tmp_path / "words.dict", words)
    assert lexicon.language == language
    assert lexicon.classes("2 7") == (lexicon.classes(" ".join(words.split()[1:7:5])) if language else None)


def test_a_dictionary_may_name_its_language(tmp_path: Path) -> None:
    lexicon = dictionary(tmp_path / "letters.dict", "zwei katzen", ";;; language: de\n")
    assert lexicon.words("2 Katzen") == ["ZWEI", "KATZEN"]


def test_sums_and_years_are_words_that_an_english_dictionary_knows(tmp_path: Path) -> None:
    lexicon = dictionary(tmp_path / "words.dict", f"{COUNTED} in eighteen forty he'd pounds fifty")
    assert lexicon.classes("in 1847 he’d £3.50") is not None


def test_one_unknown_word_never_costs_a_clip(lexicon: Lexicon) -> None:
    assert lexicon.symbols("the zyzzyva") is not None
    assert lexicon.symbols("zyzzyva") is None
    assert lexicon.symbols("zyzzyva the katya") is None
