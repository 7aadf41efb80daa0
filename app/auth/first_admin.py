"""The first admin of a machine without a shell, named by a secret of its environment, as on a Hugging Face Space."""

import logging
import os
from collections.abc import Mapping

from undertone.app.auth.passphrases import NO_PASSPHRASE, PassphraseError, add_admin, verify_passphrase
from undertone.studies.store import Database, StoreError
from undertone.studies.store.tables import AdminUser

ADMIN_VARIABLE = "UNDERTONE_ADMIN"  # hf:NAME, or NAME:PASSPHRASE
logger = logging.getLogger(__name__)


def admit_first_admin(db: Database, environment: Mapping[str, str] = os.environ) -> str | None:
    """Let the person whom `UNDERTONE_ADMIN` names sign in as an admin; returns the name, None where nobody is named.

    Whoever keeps the environment keeps the machine: a changed passphrase there is the one that counts from the next
    start on. Nothing is written where nothing has changed.

    Raises:
        PassphraseError: the variable is not of its form, or the passphrase is too short.
    """
    given = environment.get(ADMIN_VARIABLE, "").strip()
    if not given:
        return None
    name, passphrase = _read(given)
    try:
        with db.reading() as transaction:
            user = transaction.get(AdminUser, name)
            role, stored = (user.role, user.passphrase_hash) if user else (None, "")
        same = stored == NO_PASSPHRASE if passphrase is None else verify_passphrase(passphrase, stored)
        if role != "admin" or not same:
            add_admin(db, name, "admin", passphrase)
    except StoreError as error:
        logger.warning("the admin of %s cannot be entered now: %s", ADMIN_VARIABLE, error)
    return name


def _read(given: str) -> tuple[str, str | None]:
    """Return name and passphrase; the value is a secret, so no error repeats it."""
    if given.startswith("hf:"):
        if not given[3:] or any(not (one.isalnum() or one in "-_.") for one in given[3:]):
            raise PassphraseError(f"{ADMIN_VARIABLE} is no account of Hugging Face; expected hf:NAME.")
        return given, None
    name, colon, passphrase = given.partition(":")
    if not (colon and name and passphrase):
        raise PassphraseError(f"{ADMIN_VARIABLE} is not of its form; expected hf:NAME or NAME:PASSPHRASE.")
    return name.strip(), passphrase
