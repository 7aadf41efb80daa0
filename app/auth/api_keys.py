"""Secrets of programs: made once, shown once, kept as a hash."""

import hashlib
import re
import secrets
from dataclasses import dataclass

from limits import parse

from undertone.engine import UndertoneError
from undertone.studies.store import Database
from undertone.studies.store.api_keys import add_api_key, find_api_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SECRET = re.compile(r"ut_[A-Za-z0-9_-]{43}")


class ApiKeyError(UndertoneError):
    """A name or a rate that no key can have; the text says what was expected."""


@dataclass(frozen=True)
class KnownKey:
    """A key that a request carried."""

    name: str
    rate: str | None


def check_rate(rate: str) -> str:
    """Return a rate as it was given.

    Raises:
        ApiKeyError: it is none.
    """
    try:
        parse(rate)
    except ValueError as error:
        raise ApiKeyError(f"rate is {rate!r}; expected one such as 60/minute or 500/day.") from error
    return rate


def create_api_key(db: Database, name: str, rate: str | None = None) -> str:
    """Make a key and return its secret, which is kept nowhere.

    Raises:
        ApiKeyError: the name or the rate is none.
        StoreError: there is a key of this name.
    """
    if not _NAME.fullmatch(name):
        raise ApiKeyError(f"{name!r} cannot name a key: use up to 64 letters, digits, dots, hyphens and underscores.")
    secret = f"ut_{secrets.token_urlsafe(32)}"
    add_api_key(db, name, _sha256(secret), None if rate is None else check_rate(rate))
    return secret


def known_key(db: Database, secret: str) -> KnownKey | None:
    """Return the key of a secret; None where it is none, or was revoked."""
    if not _SECRET.fullmatch(secret):
        return None
    key = find_api_key(db, _sha256(secret))
    return None if key is None else KnownKey(key.name, key.rate)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
