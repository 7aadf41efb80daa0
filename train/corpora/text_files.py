"""Text as people's corpora hold it: UTF-8 with or without a byte-order mark, UTF-16, or Windows' cp1252."""

import codecs
from pathlib import Path

from undertone.train.corpora.source import CorpusError, Notes

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_text(path: Path, notes: Notes) -> str:
    """Return a file's text; an encoding other than UTF-8 is noted.

    Raises:
        CorpusError: the file cannot be read, or is no text in any of these encodings.
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
    raise CorpusError(f"{path} is no text in UTF-8, UTF-16 or cp1252; save it as UTF-8")


def _likely(data: bytes) -> tuple[str, ...]:
    """Return the encodings to try for text without a mark: UTF-16 shows by its zero bytes."""
    if b"\0" in data:
        odd = data[1::2].count(0) >= data[0::2].count(0)
        return ("utf-16-le" if odd else "utf-16-be",)
    return "utf-8", "cp1252"
