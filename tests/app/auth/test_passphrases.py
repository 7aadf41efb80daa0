"""Passphrases are stored salted and hashed, and only Hugging Face accounts go without one."""

import re

import pytest

from tests.app.auth.site import PASSPHRASE
from undertone.app.auth.passphrases import PassphraseError, add_admin, hash_passphrase, verify_passphrase
from undertone.studies.store import Database


def test_passphrases_are_kept_as_salted_scrypt() -> None:
    first, second = hash_passphrase(PASSPHRASE), hash_passphrase(PASSPHRASE)
    assert first != second
    assert re.fullmatch(r"scrypt\$32768\$8\$1\$[0-9a-f]{32}\$[0-9a-f]{64}", first)
    assert verify_passphrase(PASSPHRASE, first)
    assert not verify_passphrase(PASSPHRASE + " ", first)
    assert not verify_passphrase("none", "none")
    with pytest.raises(PassphraseError, match="at least 12"):
        hash_passphrase("short")


def test_only_accounts_of_hugging_face_go_without_a_passphrase(db: Database) -> None:
    with pytest.raises(PassphraseError, match="needs a passphrase"):
        add_admin(db, "bob", "admin")
