"""An empty, migrated database of studies, on SQLite and on a real PostgreSQL."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgresql import SUPERUSER, NoPostgresqlError, temporary_cluster, url_of
from tests.studies_database import new_database
from undertone.studies.store import Database, migrate

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    """The socket folder of a temporary cluster; skips where PostgreSQL is not installed."""
    try:
        cluster = temporary_cluster()
        folder = cluster.__enter__()
    except NoPostgresqlError as error:
        pytest.skip(f"no PostgreSQL: {error}")
    yield folder
    cluster.__exit__(None, None, None)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'studies.sqlite'}"
    folder: Path = request.getfixturevalue("postgresql")
    name = f"studies_{next(_numbers)}"
    with psycopg.connect(host=str(folder), user=SUPERUSER, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[arg-type]
    return url_of(folder, name)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """Migrated, with the log's copy in `tmp_path / "events"`."""
    if database_url.startswith("sqlite"):
        db = new_database(tmp_path / "studies.sqlite", tmp_path / "events")
    else:
        db = Database(database_url, tmp_path / "events")
        migrate(db)
    yield db
    db.close()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """On SQLite; tests of locks take `database`, which is both kinds."""
    db = new_database(tmp_path / "studies.sqlite")
    yield db
    db.close()
