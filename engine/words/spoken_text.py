"""Texts as they are read aloud: numbers, and in English money, dates, times and abbreviations, become words.

Numbers are said by the rules of Unicode's CLDR in the language of the text. The rest are conventions of English, and
of the ways in which a sum or a date can be read only one is written: "£3.50" becomes "three pounds fifty".
"""

import re
from collections.abc import Callable
from functools import partial

from undertone.engine.words.spoken_numbers import cardinal, decimal, digit_by_digit, ordinal, year

ENGLISH = "en"
APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ‛＇`´ʹ", "'"))
POINT_LANGUAGES = {ENGLISH, "ga", "he", "hi", "ja", "km", "ko", "ms", "mt", "my", "ne", "sw", "ta", "th", "yue", "zh"}
YEARS = range(1100, 2100)  # four digits without a separator that are read as a year

TITLES = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "prof": "professor", "capt": "captain",
    "col": "colonel", "gen": "general", "lt": "lieutenant", "sgt": "sergeant", "maj": "major", "rev": "reverend",
    "hon": "honorable", "messrs": "messieurs", "jr": "junior", "sr": "senior", "esq": "esquire", "co": "company",
    "ltd": "limited", "vs": "versus", "etc": "et cetera", "mt": "mount", "st": "saint",
}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONEY = {"£": ("pound", "pence"), "$": ("dollar", "cents"), "€": ("euro", "cents")}
FRACTIONS = {"½": "a half", "¼": "a quarter", "¾": "three quarters", "⅓": "a third", "⅔": "two thirds"}
SIGNS = {"&": "and", "%": "percent", "+": "plus", "=": "equals", "°": "degrees", "@": "at"}

_TITLE = re.compile(rf"\b(?:((?i:{'|'.join(TITLES)}))\.(?!\w)|(Dr|St)(?=\s+[A-Z]))")
_NUMBERED = re.compile(r"(?:\bno\.|\bnos\.|#)\s?(?=\d)", re.IGNORECASE)
_MONTH = rf"({'|'.join([*MONTHS, *map(str.upper, MONTHS)])})"  # not "may", which is a verb
_ISO_DATE = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_DATE = re.compile(rf"\b{_MONTH}\s+(\d\d?)(?i:st|nd|rd|th)?\b(?!:)")
_DAY_FIRST = re.compile(rf"\b(?:(?i:the)\s+)?(\d\d?)(?i:st|nd|rd|th)?\s+(?:(?i:of)\s+)?{_MONTH}\b")
_WHOLE = {mark: rf"\d{{1,3}}(?:[{mark}]\d{{3}})+(?!\d)|\d+" for mark in ",."}  # thousands set apart by the mark
_SUM = re.compile(
    rf"([£$€])\s?({_WHOLE[',']})(?:\.(\d+))?(?:\s+(hundred|thousand|million|billion|trillion)\b)?", re.IGNORECASE
)
_TIME = re.compile(r"\b([01]?\d|2[0-3])[:.]([0-5]\d)(?=\s?[ap]\.?m\b)|\b([01]?\d|2[0-3]):([0-5]\d)\b", re.IGNORECASE)
_DECADE = re.compile(r"(?<!\d)'?(1[1-9]\d0|20\d0|\d0)'?s\b", re.IGNORECASE)
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_PARTS = re.compile(r"\b(\d{1,2})/(\d{1,2})\b(?!/)")
_PHONE = re.compile(r"\b\d{3}-\d{4}\b")
_RANGE = re.compile(r"(?<=\d)(?:[-–—]|\s[-–—]\s)(?=\d)")
_NUMBER = {  # by the mark before a fraction
    mark: re.compile(rf"((?<!\w)[-−–])?({_WHOLE[other]})(?:[{mark}](\d+))?") for mark, other in (".,", ",.")
}
_FRACTION = re.compile(f"[{''.join(FRACTIONS)}]")
_MIXED = re.compile(rf"(?<=\d)[{''.join(FRACTIONS)}]")
_SIGN = re.compile(f"[{re.escape(''.join(SIGNS))}]")
_WRITTEN = re.compile(rf"[\d{''.join(FRACTIONS)}]|{_SIGN.pattern}|{_TITLE.pattern}")


def is_written(text: str) -> bool:
    """Return whether a text has anything that is read in other words than it is written in."""
    return _WRITTEN.search(text) is not None


def spoken_text(text: str, language: str = ENGLISH) -> str:
    """Return a text with its numbers, dates, sums and abbreviations in words, and every apostrophe as "'".

    Args:
        text: a sentence or more, of any script.
        language: ISO 639 code; for other languages than English only numbers are read, and a number for which the
            language has no rules stays as it is.
    """
    text = text.translate(APOSTROPHES)
    if not is_written(text):
        return text
    if language == ENGLISH:
        text = _read_english(text)
    mark = "." if language in POINT_LANGUAGES else ","
    return _replace(_NUMBER[mark], partial(_number, language=language), text)


def _read_english(text: str) -> str:
    steps: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_NUMBERED, lambda found: "number"),
        (_TITLE, _title),
        (_ISO_DATE, _iso_date),
        (_DAY_FIRST, lambda found: f"the {_ordinal(found[1])} of {found[2]}"),
        (_DATE, lambda found: f"{found[1]} {_ordinal(found[2])}"),
        (_SUM, _sum),
        (_TIME, _time),
        (_DECADE, _decade),
        (_ORDINAL, lambda found: _ordinal(found[1])),
        (_PARTS, _fraction),
        (_PHONE, lambda found: digit_by_digit(found[0].replace("-", ""), ENGLISH) or found[0]),
        (_RANGE, lambda found: "to"),
        (_MIXED, lambda found: f"and {FRACTIONS[found[0]]}"),
        (_FRACTION, lambda found: FRACTIONS[found[0]]),
        (_NUMBER["."], partial(_number, language=ENGLISH)),
        (_SIGN, lambda found: SIGNS[found[0]]),
    )
    for pattern, replace in steps:
        text = _replace(pattern, replace, text)
    return text


def _replace(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str) -> str:
    """Return the text with what was found replaced, and a space where words would touch."""

    def apart(found: re.Match[str]) -> str:
        said = replace(found)
        before, after = text[max(0, found.start() - 1) : found.start()], text[found.end() : found.end() + 1]
        return f"{' ' if before.isalnum() else ''}{said}{' ' if after.isalnum() else ''}"

    return pattern.sub(apart, text)


def _title(found: re.Match[str]) -> str:
    """Return an abbreviation in full: "St." is a street behind a name and a saint before one."""
    name, rest = (found[1] or found[2]).lower(), found.string[found.end() :].lstrip()
    if name == "st" and not rest[:1].isupper():
        return "street"
    return TITLES[name]


def _iso_date(found: re.Match[str]) -> str:
    month = int(found[2])
    if not 1 <= month <= len(MONTHS):
        return found[0]
    return f"{MONTHS[month - 1]} {_ordinal(str(int(found[3])))} {year(found[1], ENGLISH)}"


def _sum(found: re.Match[str]) -> str:
    whole, part = found[2].replace(",", ""), found[3]
    major, minor = MONEY[found[1]]
    if found[4] or (part and len(part) != 2):
        return f"{_plain(whole, part)} {found[4] or ''} {major}s"
    if part and int(part) and not int(whole):
        return f"{_plain(part)} {minor}"
    said = f"{_plain(whole)} {major}{'' if int(whole) == 1 else 's'}"
    return f"{said} {_plain(part)}" if part and int(part) else said


def _time(found: re.Match[str]) -> str:
    before_noon = found[1] is not None
    hour, minute = (found[1], found[2]) if before_noon else (found[3], found[4])
    if minute == "00":
        return _plain(hour) if before_noon else f"{_plain(hour)} o'clock"
    return f"{_plain(hour)} {'oh ' if minute[0] == '0' else ''}{_plain(minute)}"


def _decade(found: re.Match[str]) -> str:
    said = year(found[1], ENGLISH) or found[1]
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def _fraction(found: re.Match[str]) -> str:
    above, below = int(found[1]), int(found[2])
    if not 0 < above < below or below == 1:
        return f"{_plain(found[1])} {_plain(found[2])}"
    part = {2: "half", 4: "quarter"}.get(below, _ordinal(found[2]))
    return f"{_plain(found[1])} {part}{'' if above == 1 else 's'}"


def _number(found: re.Match[str], language: str) -> str:
    minus, whole, fraction = found[1], re.sub(r"\D", "", found[2]), found[3]
    if fraction is not None:
        said = decimal(whole, fraction, language)
        said = f"{(cardinal('-1', language) or '').split()[0]} {said}" if minus and said else said
    elif len(whole) > 1 and whole[0] == "0":
        said = digit_by_digit(whole, language)
    elif len(found[2]) == 4 and int(whole) in YEARS and not minus:
        said = year(whole, language)
    else:
        said = cardinal(f"-{whole}" if minus else whole, language) or digit_by_digit(whole, language)
    return found[0] if said is None else said


def _plain(whole: str, fraction: str | None = None) -> str:
    said = decimal(whole, fraction, ENGLISH) if fraction else cardinal(whole, ENGLISH)
    return said or digit_by_digit(whole, ENGLISH) or whole


def _ordinal(digits: str) -> str:
    return ordinal(digits, ENGLISH) or digits
