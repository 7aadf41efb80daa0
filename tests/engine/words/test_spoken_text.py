"""Written texts as they are read aloud."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.engine.words.spoken_numbers import counting_words, decimal, number_languages
from undertone.engine.words.spoken_text import is_written, spoken_text

ENGLISH = {
    "in 1847 he’d £3.50": "in eighteen forty-seven he'd three pounds fifty",
    "on May 3rd, 1992 at 10:30 a.m.": "on May third, nineteen ninety-two at ten thirty a.m.",
    "3 May 1847; the 3rd of May": "the third of May eighteen forty-seven; the third of May",
    "2019-05-06, 2019-15": "May sixth twenty nineteen, twenty nineteen to fifteen",
    "Mr. Smith paid $12 for 3 books; Dr Jones & Co. didn't": (
        "mister Smith paid twelve dollars for three books; doctor Jones and company didn't"
    ),
    "St. James's St. today": "saint James's street today",
    "£1, $0.99, $1.5 million": "one pound, ninety-nine cents, one point five million dollars",
    "$1,234.50": "one thousand two hundred thirty-four dollars fifty",
    "the 21st of 1,234 dalmatians": "the twenty-first of one thousand two hundred thirty-four dalmatians",
    "50% of the 1990s, the '80s": "fifty percent of the nineteen nineties, the eighties",
    "-5, 0.5, -0.5, 10-12, 7:05, 10:00": (
        "minus five, zero point five, minus zero point five, ten to twelve, seven oh five, ten o'clock"
    ),
    "1/2, 3/4, 2½": "one half, three quarters, two and a half",
    "No. 7, 007, 555-1234, B2B": "number seven, zero zero seven, five five five one two three four, B two B",
    "they may 3 times": "they may three times",
}


@pytest.mark.parametrize(("written", "said"), ENGLISH.items())
def test_english_is_read_as_people_read_it(written: str, said: str) -> None:
    assert spoken_text(written) == said
    assert not is_written(said)


def test_other_languages_read_their_numbers() -> None:
    assert spoken_text("Um 1847, 1.234 und 3,50.", "de") == (
        "Um achtzehnhundertsiebenundvierzig, eintausendzweihundertvierunddreißig und drei Komma fünf null."
    )
    assert spoken_text("en 1847", "fr") == "en dix-huit-cent quarante-sept"
    assert spoken_text("21 и 3,5", "ru") == "двадцать один и 3,5"  # its rules for decimals give no plain reading
    assert spoken_text("3 Mr.", "xx") == "3 Mr."


def test_every_language_counts_or_says_that_it_cannot() -> None:
    assert number_languages()[0] == "en"
    assert counting_words("en")[:3] == ("one", "two", "three")
    assert counting_words("xx") == ()
    assert decimal("3", "14", "en") == "three point one four"


@settings(max_examples=40)
@given(st.text(st.sampled_from(string.printable + "£€½—’éß五٥"), max_size=40))
def test_an_english_text_keeps_no_digit_and_reads_twice_as_once(text: str) -> None:
    said = spoken_text(text)
    assert not any(character in string.digits for character in said)
    assert spoken_text(said) == said
