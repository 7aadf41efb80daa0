"""A judged study with an admin and a reader, made once and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.results_site import PASSPHRASE, filled_places, results_app
from undertone.app.auth.sign_in import SignIn
from undertone.app.results.access import ResultsAccess
from undertone.studies.store import Database, StorageLocations


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: hashing passphrases is slow on purpose."""
    return filled_places(tmp_path_factory.mktemp("prepared") / "data").data


@pytest.fixture
def places(prepared: Path, tmp_path: Path) -> StorageLocations:
    return StorageLocations.at(shutil.copytree(prepared, tmp_path / "data"))


@pytest.fixture
def db(places: StorageLocations) -> Iterator[Database]:
    db = Database(places.url, places.events)
    yield db
    db.close()


@pytest.fixture
def access(db: Database, places: StorageLocations, tmp_path: Path) -> ResultsAccess:
    return ResultsAccess(SignIn(db, "a secret of the server"), places, tmp_path / "downloads")


@pytest.fixture
def site(db: Database, places: StorageLocations) -> Callable[[str | None], TestClient]:
    """A client of the whole site, signed in as somebody or as nobody."""
    app = results_app(db, places)

    def client(name: str | None) -> TestClient:
        made = TestClient(app, follow_redirects=False)
        if name:
            form = {"name": name, "passphrase": PASSPHRASE, "next": "/results"}
            assert made.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"}).status_code == 303
        return made

    return client
