"""Translate the failures of database drivers into errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from undertone.studies.store.errors import StoreError

SENTENCES = (
    (("database is locked", "database table is locked", "lock timeout"), "is locked by another process"),
    (
        ("database or disk is full", "No space left", "disk I/O error", "could not extend"),
        "cannot grow: the disk is full",
    ),
    (("readonly database", "read-only transaction"), "is read-only"),
    (("not a database", "malformed", "file is encrypted"), "is damaged; restore it with `undertone study restore`"),
    (("no such table", "UndefinedTable"), "has no tables yet; run `undertone study new` or migrate() first"),
    (
        (
            "Connection refused",
            "connection failed",
            "connection to server",
            "server closed",
            "terminating connection",
            "database system is starting up",
            "database system is shutting down",
        ),
        "cannot be reached",
    ),
    (("unable to open database file",), "cannot be opened; check the folder and its permissions"),
)


@contextmanager
def translate_driver_errors(url: str) -> Iterator[None]:
    """Turn a driver's failure into a StoreError; a broken constraint stays what it is."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        said = f"{type(error.orig).__name__} {error.orig}"
        for signs, sentence in SENTENCES:
            if any(sign in said for sign in signs):
                raise StoreError(
                    f"{_url_without_password(url)} {sentence}. Nothing was saved; try again when it is."
                ) from error
        raise


def _url_without_password(url: str) -> str:
    """Return the database's URL without its password."""
    return f"database {make_url(url).render_as_string(hide_password=True)}"
