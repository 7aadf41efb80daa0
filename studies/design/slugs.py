"""Names of files and bundles as names in a study."""

import hashlib
import re
import unicodedata


def slug(text: str) -> str:
    """Return a text as a prompt's or system's name; letters beyond a to z are told apart by a hash of the whole."""
    whole = unicodedata.normalize("NFC", text)  # some file systems take letters apart
    name = re.sub(r"[^a-z0-9_-]+", "-", whole.lower()).strip("-")[:64] or "prompt"
    if any(letter.isalnum() and not letter.isascii() for letter in whole):
        return f"{name[:55]}-{hashlib.sha256(whole.encode(errors='surrogateescape')).hexdigest()[:8]}"
    return name
