"""Text as people's corpora hold it: UTF-8 with or without a byte-order mark, UTF-16, or an older encoding.

An older encoding is told by charset-normalizer from the first such file and its neighbours, as one transcript is too
little to tell it by, and then read in all files of the corpus.
"""

import codecs
from itertools import islice
from pathlib import Path

from undertone.train.corpora.source import CorpusError, Notes

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
USUAL = "cp1252"  # taken where it fits as well as what fits best
# Those that transcripts come in; without a choice, sentences of a few words look like any of a hundred.
OLDER = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "koi8_u", "iso8859_2",
    "iso8859_15", "cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman",
)  # fmt: skip
NEIGHBOURS = 200  # files that are looked at beside the first
SAMPLE_BYTES = 100_000


def read_text(path: Path, notes: Notes) -> str:
    """Return a file's text; an encoding other than UTF-8 is noted.

    Raises:
        CorpusError: the file cannot be read, or is no text in any encoding, or not in the one that was given.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from error
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    for encoding in (marked,) if marked else _likely(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding not in ("utf-8", "utf-8-sig"):
            notes.recoded[encoding] += 1
        return text
    if marked or b"\0" in data:
        raise CorpusError(f"{path} is no text in UTF-8 or UTF-16; save it as UTF-8")
    return _older_text(path, data, notes)


def check_encoding(name: str) -> str:
    """Return the name that Python has for an encoding.

    Raises:
        CorpusError: there is none of this name.
    """
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise CorpusError(f"there is no encoding {name!r}; such are {', '.join(OLDER)}") from error


def _likely(data: bytes) -> tuple[str, ...]:
    """Return the encodings to try for text without a mark: UTF-16 shows by its zero bytes."""
    if b"\0" in data:
        odd = data[1::2].count(0) >= data[0::2].count(0)
        return ("utf-16-le" if odd else "utf-16-be",)
    return ("utf-8",)


def _older_text(path: Path, data: bytes, notes: Notes) -> str:
    """Return text that is no Unicode, in the encoding of the corpus; the first such file and its neighbours tell it."""
    if not notes.encoding:
        notes.encoding, notes.encodings_that_fit = _tell_encoding(_sample(path, data))
        notes.encoding_told = bool(notes.encoding)
    try:
        text = data.decode(notes.encoding or USUAL)
    except UnicodeDecodeError as error:
        how = "as other files here are" if notes.encoding_told else "which was given"
        raise CorpusError(
            f"{path} is no text in {notes.encoding or USUAL}, {how} (byte {error.start}). Save it as UTF-8, or say the "
            "encoding of the corpus with --encoding."
        ) from error
    notes.recoded[notes.encoding or USUAL] += 1
    return text


def _sample(path: Path, data: bytes) -> bytes:
    """Return the lines beyond ASCII of a file and of some files of its kind beside it that are not UTF-8."""
    found = b""
    beside = (other for other in path.parent.iterdir() if other.suffix == path.suffix and other != path)
    for other in (path, *islice(beside, NEIGHBOURS)):
        content = data if other == path else other.read_bytes()[:SAMPLE_BYTES]
        if b"\0" not in content and not _is_utf8(content):
            found += b"".join(line + b"\n" for line in content.splitlines() if not line.isascii())
        if len(found) > SAMPLE_BYTES:
            break
    return found


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 3  # cut within a character
    return True


def _tell_encoding(sample: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the encoding that a sample is likeliest in, and others that fit it as well; "" where none fits."""
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=list(OLDER)))
    as_good = [match for match in matches if match.chaos == matches[0].chaos]
    fitting = list(dict.fromkeys(name for match in as_good for name in match.could_be_from_charset))
    if not fitting:
        return "", ()
    chosen = USUAL if USUAL in fitting else matches[0].encoding
    return chosen, tuple(name for name in fitting if name != chosen)
