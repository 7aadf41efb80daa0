"""Words of Praat's TextGrids, as the Montreal Forced Aligner, WebMAUS and people at Praat write them."""

from typing import Any

# What a tier with the words of a recording is called, the likeliest first; MFA puts a speaker's name before it.
WORD_TIERS = (
    "words", "word", "ort-mau", "ort", "orthography", "utterances", "utterance", "sentences", "sentence",
    "transcription", "transcript", "text",
)  # fmt: skip
SILENCES = {"", "<eps>", "<sil>", "sil", "sp", "<p>", "<p:>", "<p>:", "#"}  # labels of intervals without a word


class TextGridError(ValueError):
    """A TextGrid that cannot be read, or has no tier of words."""


def textgrid_words(content: str) -> str:
    """Return the words of a TextGrid in their order, long or short form; of several speakers all of them by time.

    Raises:
        TextGridError: it cannot be read, or has several tiers and none is called like one of words.
    """
    from praatio.utilities import errors
    from praatio.utilities.textgrid_io import parseTextgridStr

    try:
        tiers = parseTextgridStr(content, includeEmptyIntervals=False)["tiers"]
        words = [entry for tier in _word_tiers(tiers) for entry in tier["entries"]]
        ordered = sorted((float(entry[0]), str(entry[-1]).strip()) for entry in words)
    except TextGridError:
        raise
    except (errors.PraatioException, ValueError, TypeError, LookupError, AttributeError) as error:
        raise TextGridError(f"no TextGrid of Praat ({error})") from error
    return " ".join(label for _, label in ordered if label.lower() not in SILENCES)


def _word_tiers(tiers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tiers of words: all that have the likeliest name, or the only tier."""
    for name in WORD_TIERS:
        found = [tier for tier in tiers if tier["name"].rpartition(" - ")[2].strip().lower() == name]
        if found:
            return found
    if len(tiers) == 1:
        return tiers
    names = ", ".join(tier["name"] for tier in tiers) or "none"
    raise TextGridError(f"none of its tiers ({names}) is called like one of words; call one `words`")
