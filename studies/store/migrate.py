"""Bring a database's tables to what this version of the program knows, from nothing or from any earlier revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from undertone.studies.store.database import Database
from undertone.studies.store.driver_errors import translate_driver_errors
from undertone.studies.store.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x756E746F6E  # any number, the same in every process


def migrate(db: Database, revision: str = "head") -> None:
    """Create the tables or bring them up to date; nothing happens where they are.

    Args:
        revision: where to stop; only tests stop early.
    Raises:
        StoreError: the database was written by a newer version of the program, or cannot be opened.
    """
    with translate_driver_errors(db.url), db.engine.begin() as connection:
        if not db.is_sqlite:  # SQLite's transaction is exclusive from its beginning
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current not in revisions():
            raise StoreError(
                f"the database is at revision {current!r}, which this version does not know (it knows up to "
                f"{revisions()[-1]!r}). Install the version that wrote it, or a newer one."
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revisions() -> list[str]:
    """Return every revision this version knows, the oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
