"""Numbers in words of some eighty languages, by the rules of Unicode's CLDR (package unicode-rbnf)."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

MAX_DIGITS = 15  # longer ones are said digit by digit
LAST_COUNTED = 12  # a dictionary that holds the numbers from 1 to this one in a language is of that language


def cardinal(digits: str, language: str) -> str | None:
    """Return a whole number in words, such as "1847" or "-5"; None where the language has no rules."""
    return _spell(digits, language, "CARDINAL")


def ordinal(digits: str, language: str) -> str | None:
    """Return a whole number as an ordinal in words; None where the language has no rules for them."""
    return _spell(digits, language, "ORDINAL")


def year(digits: str, language: str) -> str | None:
    """Return a year in words, "eighteen forty-seven"; as a cardinal where the language says it so."""
    return _spell(digits, language, "YEAR") or cardinal(digits, language)


def decimal(whole: str, fraction: str, language: str) -> str | None:
    """Return a number with digits behind its separator in words, each of these by itself.

    Returns:
        None where the rules of the language do not give a word between the whole number and those digits.
    """
    digits = digit_by_digit(fraction, language)
    before, said = cardinal(whole, language), _spell(f"{whole}.{fraction}", language, "CARDINAL")
    if digits is None or before is None or said is None:
        return None
    plain = said.startswith(f"{before} ") and said.endswith(f" {digits}")
    return said if plain and len(said.split()) == len(f"{before} {digits}".split()) + 1 else None


def digit_by_digit(digits: str, language: str) -> str | None:
    """Return digits in words, one word each; None where the language has no rules."""
    said = [cardinal(digit, language) for digit in digits]
    return " ".join(word for word in said if word) if all(said) else None


def counting_words(language: str) -> tuple[str, ...]:
    """Return the words of the numbers from 1 to LAST_COUNTED; empty where the language has no rules."""
    said = [cardinal(str(number), language) for number in range(1, LAST_COUNTED + 1)]
    return tuple(word for number in said if number for word in number.split()) if all(said) else ()


def number_languages() -> tuple[str, ...]:
    """Return the codes of the languages with rules for numbers, English first, dialects left out."""
    from unicode_rbnf import RbnfEngine

    found = sorted(code for code in RbnfEngine.get_supported_languages() if "_" not in code)
    return ("en", *(code for code in found if code != "en"))


def _spell(number: str, language: str, purpose: str) -> str | None:
    from unicode_rbnf import FormatPurpose
    from unicode_rbnf.engine import RbnfError

    engine = _engine(language)
    if engine is None or len(number) > MAX_DIGITS:
        return None
    try:
        found = engine.format_number(number, FormatPurpose[purpose])
    except (RbnfError, ValueError):  # no rules, for this number or at all
        return None
    said = found.text_by_ruleset.get("spellout-numbering", found.text)  # as one counts, of several genders
    return " ".join(said.replace("\u00ad", "").replace("\u200b", " ").split())


@cache
def _engine(language: str) -> "RbnfEngine | None":
    from unicode_rbnf import RbnfEngine

    return RbnfEngine.for_language(language) if language in RbnfEngine.get_supported_languages() else None
