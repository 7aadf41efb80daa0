"""Fixtures: the service of raters' sessions on a database of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rating_study import add_study, design
from undertone.studies.sessions import Sessions
from undertone.studies.store import Database


@pytest.fixture
def sessions(db: Database, tmp_path: Path) -> Sessions:
    return Sessions(db, tmp_path / "media", "a secret of the server")


@pytest.fixture
def make_study(db: Database, tmp_path: Path) -> Callable[..., str]:
    """Adds an open study; arguments go to `design`."""

    def make(*sections: Any, status: str = "open", **more: Any) -> str:
        return add_study(db, tmp_path / "media", design(*sections, **more), status)

    return make
