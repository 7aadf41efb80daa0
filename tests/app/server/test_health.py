"""Ready is a server whose studies can be asked and whose model answers or is on its way."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from undertone.app.server.health import ModelState, health_router
from undertone.studies.store import Database, StorageLocations, migrate


@dataclass
class Model:
    state: ModelState


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    places = StorageLocations.at(tmp_path / "data")
    db = Database(places.url)
    migrate(db)
    yield db
    db.close()


def ask(db: Database, state: ModelState, path: str = "/readyz") -> tuple[int, dict[str, str]]:
    app = FastAPI()
    app.include_router(health_router(db, Model(state)))
    answer = TestClient(app).get(path)
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


@pytest.mark.parametrize(("state", "status"), [("loading", 200), ("ready", 200), ("stopped", 503)])
def test_the_model_may_load_but_not_be_gone(db: Database, state: ModelState, status: int) -> None:
    assert ask(db, state) == (status, {"studies": "open", "model": state})
    assert ask(db, state, "/healthz")[0] == 200


def test_paused_studies_are_not_ready_and_the_process_lives(db: Database) -> None:
    db.pause("somebody replaced the file")
    assert ask(db, "ready") == (503, {"studies": "paused", "model": "ready"})
    assert ask(db, "ready", "/healthz")[0] == 200
