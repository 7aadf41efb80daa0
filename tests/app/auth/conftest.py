"""A database with an admin and a reader, and a site that they sign in to."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from tests.app.auth.site import PASSPHRASE, Clock
from tests.studies_database import new_database
from undertone.app.auth.attempts import Attempts
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.studies.store import Database


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with an admin and a reader; hashing is slow on purpose, so it is done once."""
    path = tmp_path_factory.mktemp("admins") / "studies.sqlite"
    db = new_database(path)
    add_admin(db, "alice", "admin", PASSPHRASE)
    add_admin(db, "rita", "reader", PASSPHRASE)
    db.close()
    return path


@pytest.fixture
def db(file: Path, tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{shutil.copy(file, tmp_path)}")
    yield db
    db.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_in(db: Database, clock: Clock) -> SignIn:
    return SignIn(db, "a secret of the server", Attempts(clock))


@pytest.fixture
def app(sign_in: SignIn, clock: Clock) -> FastAPI:
    app = FastAPI()
    app.include_router(sign_in_router(sign_in, sleep=clock.sleep))

    @app.get("/results")
    def results(request: Request) -> dict[str, str]:
        return {"name": sign_in.require_admin(request)}

    @app.post("/close")
    def close(request: Request) -> dict[str, str]:
        return {"role": sign_in.require_role(request, "admin").role}

    return app


@pytest.fixture
def site(app: FastAPI) -> TestClient:
    return TestClient(app, follow_redirects=False)
