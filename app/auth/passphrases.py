"""Passphrases, stored as scrypt hashes with the people who may sign in."""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from functools import cache

from undertone.engine import UndertoneError
from undertone.studies.store import Database
from undertone.studies.store.tables import AdminRole, AdminUser

_COST, _BLOCK, _LANES = 2**15, 8, 1  # 32 MiB and about 0.1 s a try
_MEMORY_BYTES = 64 * 1024 * 1024
MIN_LETTERS = 12
NO_PASSPHRASE = "none"  # of somebody who signs in through Hugging Face


class PassphraseError(UndertoneError):
    """A passphrase that cannot be accepted: the text says why."""


def hash_passphrase(passphrase: str) -> str:
    """Return scrypt with a salt of its own, as `scrypt$cost$block$lanes$salt$hash`."""
    if len(passphrase) < MIN_LETTERS:
        raise PassphraseError(
            f"the passphrase has {len(passphrase)} characters; it needs at least {MIN_LETTERS}. Four words will do."
        )
    salt = secrets.token_bytes(16)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${salt.hex()}${_digest(passphrase, salt, _COST, _BLOCK, _LANES).hex()}"


def verify_passphrase(passphrase: str, stored: str) -> bool:
    """Return whether this is the passphrase of a stored hash; takes as long when there is none to compare with."""
    known = stored.startswith("scrypt$")
    _, cost, block, lanes, salt, digest = (stored if known else _dummy_hash()).split("$")
    tried = _digest(passphrase, bytes.fromhex(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(tried, bytes.fromhex(digest)) and known


def add_admin(
    db: Database, name: str, role: AdminRole, passphrase: str | None = None, now: datetime | None = None
) -> None:
    """Let somebody sign in, or change their passphrase or role.

    Args:
        name: as typed on the sign-in page; `hf:NAME` for a Hugging Face account, which needs no passphrase.
        role: "admin" may change studies, "reader" only looks.
    Raises:
        PassphraseError: too short, or missing.
    """
    if passphrase is None and not name.startswith("hf:"):
        raise PassphraseError(f"{name!r} needs a passphrase; only accounts named hf:NAME sign in without one.")
    hashed = NO_PASSPHRASE if passphrase is None else hash_passphrase(passphrase)
    with db.session() as transaction:
        user = transaction.get(AdminUser, name)
        if user is None:
            created_at = now or datetime.now(UTC)
            transaction.add(AdminUser(name=name, role=role, passphrase_hash=hashed, created_at=created_at))
        else:
            user.role, user.passphrase_hash = role, hashed
        db.log(transaction, "admin.saved", {"name": name, "role": role}, actor="admin")


def _digest(passphrase: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY_BYTES, dklen=32)


@cache
def _dummy_hash() -> str:
    return hash_passphrase(secrets.token_urlsafe(16))
