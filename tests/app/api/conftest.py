"""The API as programs meet it: the front's admission on a port, the pages' process behind it on a Unix socket."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tests.app.split_site import NO_CERTIFICATES
from tests.clips import speechlike, write_wav16
from tests.studies_database import new_database
from tests.tiny_bundle import make_tiny_bundle, make_tiny_system
from undertone.app.auth.api_keys import create_api_key
from undertone.app.auth.tickets import Tickets
from undertone.app.server.api_access import ApiAccess, ApiSettings
from undertone.app.server.forwarding import Forwarding
from undertone.app.server.front import _PrivateServer
from undertone.app.shared.compared_systems import systems_beside
from undertone.app.shared.context import Context
from undertone.app.site.application import create_app
from undertone.engine import Engine, limit_threads
from undertone.engine.bundle import bundles_sharing
from undertone.studies.store import Database

OTHER_SYSTEM = "Token-LM"


@dataclass
class ApiSite:
    url: str
    key: str
    db: Database
    context: Context
    access: ApiAccess
    bundle: Path
    clip: Path
    folder: Path

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def post(
        self, path: str, headers: dict[str, str] | None = None, other: Path | None = None, **fields: Any
    ) -> httpx.Response:
        files = {"file": self.clip.read_bytes()} | ({} if other is None else {"other_file": other.read_bytes()})
        return httpx.post(
            f"{self.url}{path}", headers=self.bearer if headers is None else headers,
            files=files, data=fields, timeout=60, verify=NO_CERTIFICATES,
        )  # fmt: skip

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Somebody else is at work while the block runs."""
        turn = self.context.queue.join("somebody", 5.0)
        until(lambda: self.context.queue.place_of(turn) is None)
        try:
            yield
        finally:
            self.context.queue.leave(turn, finished=False)

    def idle(self) -> None:
        """Wait until nobody waits or works."""
        until(lambda: self.context.queue.num_waiting + self.context.queue.num_working == 0)


@dataclass
class _Upstream:
    address: Path | None = field(default=None)


def until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def _serving(app: Any, listener: socket.socket, lifespan: str) -> Iterator[None]:
    config = uvicorn.Config(app, http="h11", lifespan=lifespan, log_level="critical", timeout_graceful_shutdown=1)  # type: ignore[arg-type]
    server = _PrivateServer(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        until(lambda: server.started, 60)
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiSite]:
    folder = tmp_path_factory.mktemp("api")
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
    db = new_database(folder / "studies.sqlite")
    voice = make_tiny_bundle(folder / "tiny")
    make_tiny_system(voice, folder / "other", OTHER_SYSTEM)
    engine = Engine.from_pretrained(voice, device="cpu")
    limit_threads(engine)
    others = systems_beside(voice, engine, bundles_sharing(voice))
    context = Context(engine, folder / "gradio" / "visits", others=others)
    behind = create_app(context, api=True)
    upstream = _Upstream(folder / "s")
    access = ApiAccess(Forwarding(upstream, Tickets()), db, ApiSettings("keys", rate="10000/minute"))
    with socket.socket(socket.AF_UNIX) as inner, socket.create_server(("127.0.0.1", 0)) as outer:
        inner.bind(str(upstream.address))
        inner.listen(50)
        with _serving(behind, inner, "on"), _serving(access, outer, "off"):
            url = f"http://127.0.0.1:{outer.getsockname()[1]}"
            clip = write_wav16(folder / "clip.wav", speechlike(4.0))
            yield ApiSite(url, create_api_key(db, "test"), db, context, access, folder / "tiny", clip, folder)
    db.close()
    if before is None:
        del os.environ["GRADIO_TEMP_DIR"]
    else:
        os.environ["GRADIO_TEMP_DIR"] = before
