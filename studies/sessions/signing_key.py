"""The key that signs what browsers hold: given in the environment, or a file that is written whole or not at all."""

import os
import secrets
import tempfile
from pathlib import Path

from undertone.engine import UndertoneError
from undertone.engine.files.atomic_files import sync_folder

SECRET_VARIABLE = "UNDERTONE_SECRET"  # on a machine whose disk is wiped, such as a Space without storage
MIN_CHARACTERS = 32  # 128 bits where every character is a hexadecimal digit
_MAKE_ONE = "`python -c 'import secrets; print(secrets.token_urlsafe(32))'` makes one"


class SigningKeyError(UndertoneError):
    """A signing key that anybody could guess, or that cannot be read or written: the text says what to do."""


def load_secret(data: Path) -> str:
    """Return the signing key: `UNDERTONE_SECRET`, else the file `secret` of the data folder, made on first use.

    Args:
        data: the folder of the studies' data.
    Raises:
        SigningKeyError: the key is shorter than `MIN_CHARACTERS`, or the file can be neither read nor made.
    """
    given = os.environ.get(SECRET_VARIABLE, "").strip()
    if given:
        hint = f"Use a random one; {_MAKE_ONE}."
        return _check_length(given, f"the signing key in {SECRET_VARIABLE}", hint)
    path = data / "secret"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_new(path)
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningKeyError(
            f"the signing key {path} can be neither read nor made ({error}). Free space on the disk, allow this user "
            f"to write there, or set {SECRET_VARIABLE}."
        ) from error
    hint = "Remove the file: a new key is made at the next start, and everybody signs in again."
    return _check_length(key, f"the signing key in {path}", hint)


def _check_length(key: str, what: str, hint: str) -> str:
    """Return the key. Raises SigningKeyError where it is too short; the key itself is not told."""
    if len(key) < MIN_CHARACTERS:
        raise SigningKeyError(
            f"{what} has {len(key)} characters; at least {MIN_CHARACTERS} are needed, as who guesses it can sign in as "
            f"anybody. {hint}"
        )
    return key


def _write_new(path: Path) -> None:
    """Make the file with a fresh key; where another process was first, its key stays."""
    descriptor, name = tempfile.mkstemp(prefix=".secret-", dir=path.parent)  # readable by this user alone
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        _link_under_name(unfinished, path)
        sync_folder(path.parent)  # a name that is lost in a power cut would make a second key
    finally:
        unfinished.unlink(missing_ok=True)


def _link_under_name(unfinished: Path, path: Path) -> None:
    """Let the whole file appear under its name, unless there is one."""
    try:
        os.link(unfinished, path)  # unlike a rename it never replaces another process's key
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            unfinished.rename(path)
