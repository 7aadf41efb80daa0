"""A database with a judged study in it."""

from collections.abc import Iterator

import pytest

from studies.analysis.frame import StudyData
from studies.analysis.load import load_study
from studies.store import Database, migrate
from tests.judged_study import add_judged_study


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path_factory.mktemp('judged') / 'studies.sqlite'}")
    migrate(db)
    add_judged_study(db)
    yield db
    db.close()


@pytest.fixture(scope="module")
def data(db: Database) -> StudyData:
    return load_study(db, "judged")
