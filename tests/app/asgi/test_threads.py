"""A database that is locked elsewhere holds up who writes to it, and nobody else."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.app.rate_site import Clock, make_site
from tests.rating_study import add_study, design
from tests.studies_database import new_database
from undertone.app.auth.sign_in import SignIn
from undertone.app.auth.sign_in_page import sign_in_router

WRITERS = 60


def test_pages_and_readers_are_answered_while_many_writers_wait(tmp_path: Path) -> None:
    file = tmp_path / "studies.sqlite"
    db = new_database(file)
    study = add_study(db, tmp_path / "media", design(allocation={"trials_per_session": 3, "raters_per_stimulus": 90}))
    app: Any = make_site(db, tmp_path / "media", Clock()).app
    app.include_router(sign_in_router(SignIn(db, "a secret of the server")))
    seconds: dict[str, float] = {}
    begun: list[int] = []

    async def begin(client: httpx.AsyncClient) -> None:
        begun.append((await client.post("/rate/api/begin", json={"study": study, "query": {}})).status_code)

    async def run() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site", timeout=120) as client:
            token = (await client.post("/rate/api/begin", json={"study": study, "query": {}})).json()["token"]
            with sqlite3.connect(file, isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                async with anyio.create_task_group() as tasks:
                    for _ in range(WRITERS):
                        tasks.start_soon(begin, client)
                    await anyio.sleep(1)
                    for path in ("/rate/x", "/sign-in", "/rate/api/view"):
                        began = time.monotonic()
                        answer = await client.get(path, headers={"authorization": f"Bearer {token}"})
                        seconds[path] = time.monotonic() - began
                        assert answer.status_code == 200
                    assert not begun
                    other.execute("ROLLBACK")

    anyio.run(run)
    assert max(seconds.values()) < 5, seconds  # 17.5 s with one pool of threads for all
    assert begun == [200] * WRITERS
    db.close()
