"""Lines of words: what the browser draws says what was read, where, and how sure it is."""

from undertone.app.shared.words_line import WordLine, spelt, split_words, timed_words, words_value
from undertone.engine.words import HeardWord, PhoneRun

NAMES = ("silence", "AA", "B")
SURE = HeardWord("bob", 5, 20, (PhoneRun(2, 5, 10), PhoneRun(1, 10, 15), PhoneRun(2, 15, 20)), 1.0)
WEAK = HeardWord("bah", 25, 40, (PhoneRun(2, 25, 30), PhoneRun(0, 30, 32), PhoneRun(1, 32, 40)), 0.4)
UNKNOWN = HeardWord("", 40, 50, (PhoneRun(1, 40, 50),), 0.0)


def test_every_word_has_its_time_its_phones_and_its_doubt() -> None:
    value = words_value("1-0", [WordLine("Prompt", [SURE]), WordLine("Continuation", [WEAK, UNKNOWN])], NAMES)
    lines = value["lines"]
    assert [line["label"] for line in lines] == ["Prompt", "Continuation"]
    words = [word for line in lines for word in line["words"]]
    assert [word["text"] for word in words] == ["bob", "bah", "/AA/"]
    assert [(word["start"], word["end"]) for word in words] == [(0.1, 0.4), (0.5, 0.8), (0.8, 1.0)]
    assert [word["weak"] for word in words] == [False, True, True]
    assert words[1]["phones"] == [["B", 0.5, 0.6], ["AA", 0.64, 0.8]]


def test_words_are_split_where_their_middle_lies() -> None:
    words = [SURE, WEAK, UNKNOWN]
    assert split_words(words, 0) == ([], words)
    assert split_words(words, 30) == ([SURE], [WEAK, UNKNOWN])
    assert split_words(words, 34) == ([SURE, WEAK], [UNKNOWN])


def test_a_line_without_words_is_left_out() -> None:
    assert words_value("0-0", [WordLine("Prompt", [])], NAMES)["lines"] == []


def test_figures_name_what_no_word_fits_by_its_phones() -> None:
    assert spelt(UNKNOWN, NAMES) == "/AA/"
    assert timed_words([SURE], NAMES) == [("bob", 0.1, 0.4)]
