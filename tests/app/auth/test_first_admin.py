"""On a machine without a shell, a secret of its environment names the first admin."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.studies_database import new_database
from undertone.app.auth.first_admin import ADMIN_VARIABLE, admit_first_admin
from undertone.app.auth.passphrases import NO_PASSPHRASE, PassphraseError, verify_passphrase
from undertone.studies.store import Database
from undertone.studies.store.tables import AdminUser, Event


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = new_database(tmp_path / "studies.sqlite")
    yield db
    db.close()


def admins(db: Database) -> dict[str, tuple[str, str]]:
    with db.reading() as transaction:
        return {one.name: (one.role, one.passphrase_hash) for one in transaction.scalars(select(AdminUser))}


def events(db: Database) -> int:
    with db.reading() as transaction:
        return transaction.scalar(select(func.count()).select_from(Event)) or 0


def test_without_the_secret_nobody_comes_in(db: Database) -> None:
    assert admit_first_admin(db, {}) is None
    assert not admins(db)


def test_an_account_of_hugging_face_signs_in_without_a_passphrase(db: Database) -> None:
    assert admit_first_admin(db, {ADMIN_VARIABLE: "hf:ada"}) == "hf:ada"
    assert admins(db) == {"hf:ada": ("admin", NO_PASSPHRASE)}


def test_a_restart_writes_nothing_and_a_changed_secret_counts(db: Database) -> None:
    given = {ADMIN_VARIABLE: "ada:four words: will do"}
    admit_first_admin(db, given)
    stored, before = admins(db), events(db)
    admit_first_admin(db, given)
    assert (admins(db), events(db)) == (stored, before)
    admit_first_admin(db, {ADMIN_VARIABLE: "ada:quite another one"})
    role, hashed = admins(db)["ada"]
    assert role == "admin"
    assert verify_passphrase("quite another one", hashed)
    assert not verify_passphrase("four words: will do", hashed)


@pytest.mark.parametrize("given", ["ada", "ada:", ":four words will do", "hf:", "hf:a b", "ada:short"])
def test_a_secret_of_another_form_is_refused_and_not_repeated(db: Database, given: str) -> None:
    with pytest.raises(PassphraseError) as refused:
        admit_first_admin(db, {ADMIN_VARIABLE: given})
    assert "four words" not in str(refused.value).replace("Four words will do", "")
    assert not admins(db)


def test_a_paused_database_does_not_keep_the_server_from_starting(db: Database) -> None:
    db.pause("somebody replaced the file")
    assert admit_first_admin(db, {ADMIN_VARIABLE: "hf:ada"}) == "hf:ada"
