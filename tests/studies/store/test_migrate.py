"""The tables come from migrations alone, and are what the classes say."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from tests.studies.store.samples import make_study
from undertone.studies.store import Database, StoreError, migrate
from undertone.studies.store.columns import Base
from undertone.studies.store.migrate import revisions


def test_the_migrated_tables_are_what_the_classes_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_checks_of_the_classes_are_in_the_database_too(database: Database) -> None:
    # Alembic does not compare CHECK constraints.
    with database.engine.connect() as connection:
        inspector = inspect(connection)
        for table in Base.metadata.sorted_tables:
            known = {c.name for c in table.constraints if c.name and str(c.name).startswith("ck_")}
            assert {check["name"] for check in inspector.get_check_constraints(table.name)} == known, table.name


@pytest.mark.parametrize("start", [None, *revisions()])
def test_every_earlier_revision_is_brought_up_to_date(database_url: str, start: str | None) -> None:
    db = Database(database_url)
    if start is not None:
        migrate(db, start)
    migrate(db)
    migrate(db)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == revisions()[-1]
        assert compare_metadata(context, Base.metadata) == []
    make_study(db)
    db.close()


def test_a_database_of_a_newer_version_is_refused_untouched(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreError, match="'r9999', which this version does not know"):
        migrate(database)


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "letters.sqlite"
    path.write_bytes(b"Dear Sir or Madam, " * 100)
    with pytest.raises(StoreError, match=r"letters\.sqlite is damaged"):
        migrate(Database(f"sqlite:///{path}"))


def test_a_missing_table_says_what_to_run(database_url: str) -> None:
    db = Database(database_url)
    with pytest.raises(StoreError, match="no tables yet"):
        make_study(db)
    db.close()
