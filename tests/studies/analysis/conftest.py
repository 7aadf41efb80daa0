"""A database with a judged study in it."""

from collections.abc import Iterator

import pytest

from tests.judged_study import add_judged_study
from tests.studies_database import new_database
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.store import Database


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    db = new_database(tmp_path_factory.mktemp("judged") / "studies.sqlite")
    add_judged_study(db)
    yield db
    db.close()


@pytest.fixture(scope="module")
def data(db: Database) -> StudyData:
    return load_study(db, "judged")
