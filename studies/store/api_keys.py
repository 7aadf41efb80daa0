"""Keys of programs: by name, with the hash of the secret and nothing of the secret itself."""

from sqlalchemy import select

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.tables import ApiKey


def list_api_keys(db: Database) -> list[ApiKey]:
    """Return every key, by name."""
    with db.reading() as session:
        keys = list(session.scalars(select(ApiKey).order_by(ApiKey.name)))
        session.expunge_all()
        return keys


def add_api_key(db: Database, name: str, secret_sha256: str, rate: str | None) -> None:
    """Keep a key.

    Args:
        secret_sha256: hexadecimal.
        rate: runs that it may start, as "60/minute"; None is the server's own.
    Raises:
        StoreError: there is a key of this name.
    """
    with db.session() as session:
        if session.get(ApiKey, name) is not None:
            raise StoreError(f"there is a key named {name!r} already; revoke it first, or choose another name.")
        session.add(ApiKey(name=name, secret_sha256=secret_sha256, rate=rate))
        db.log(session, "api_key.created", {"name": name, "rate": rate}, actor="admin")


def revoke_api_key(db: Database, name: str) -> None:
    """Remove a key, with which nobody is let in from now on.

    Raises:
        StoreError: there is none of this name.
    """
    with db.session() as session:
        key = session.get(ApiKey, name)
        if key is None:
            raise StoreError(f"there is no key named {name!r}; `undertone key list` shows them.")
        session.delete(key)
        db.log(session, "api_key.revoked", {"name": name}, actor="admin")


def find_api_key(db: Database, secret_sha256: str) -> ApiKey | None:
    """Return the key with this hash of its secret."""
    with db.reading() as session:
        key = session.scalar(select(ApiKey).where(ApiKey.secret_sha256 == secret_sha256))
        session.expunge_all()
        return key
