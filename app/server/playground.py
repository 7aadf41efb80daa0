"""The playground's process: `python -m undertone.app.server.playground`, started and watched by the front process.

It reads one line of JSON, `PlaygroundSettings`, gives up every right that it does not need, and only then loads the
engine and serves its pages on a socket that it was given. It ends when the front process ends, however that happens.
"""

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from undertone.app.asgi.root_path import serve_under
from undertone.app.asgi.space_environment import has_zero_gpu
from undertone.app.server.confinement import confinement_of
from undertone.app.server.log_format import LogFormat, set_up_log
from undertone.app.shared.garbage import collect_garbage_seldom, keep_what_is_loaded
from undertone.engine import UndertoneError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp, Receive, Scope, Send

    from undertone.app.shared.model_queue import ModelQueue

PRIVATE = "/.undertone/"  # requested by the front process alone; visitors get its own answer that there is no such page
HEALTH_PATH = f"{PRIVATE}alive"
METRICS_PATH = f"{PRIVATE}metrics"
END_PATH = f"{PRIVATE}end"  # ends every run, with a word to its visitor
NICENESS = 5  # where a core is short, raters come first
_DIE_WITH_PARENT = 1  # prctl


class PlaygroundSettings(BaseModel):
    """Settings that the front process sends.

    Attributes:
        listener: number of the listening socket that was handed over.
        studies_socket: where opinions of takes go.
        folder: temporary, this process's own.
        protected: what it must not be able to open.
        ladder: folder of a modality ladder's result; None for none.
        root_path: the sub-path under which a proxy shows the site.
        api: whether programs are answered.
        replicas_socket: leads to the replicas that make the takes; None where this process makes them.
        log_format: of the lines that this process logs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle: Path
    device: str
    examples: Path
    folder: Path
    listener: int
    studies_socket: Path
    protected: tuple[Path, ...]
    parent: int
    ladder: Path | None = None
    root_path: str = ""
    api: bool = False
    replicas_socket: Path | None = None
    log_format: LogFormat = "text"


def main() -> None:
    """Serve until the front process says or ends; exit status 2 where the bundle cannot be loaded."""
    collect_garbage_seldom()
    reports = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no report
    os.nice(NICENESS)
    settings = PlaygroundSettings.model_validate_json(sys.stdin.readline())
    set_up_log(settings.log_format, "playground")
    serve_under(settings.root_path)
    _end_with_parent(settings.parent)
    from undertone.engine.bundle import bundles_holding, bundles_sharing  # PyTorch: the front process imports this file

    try:
        # It looks around in the folder of the bundle, which it may not list from then on.
        compared, holding = bundles_sharing(settings.bundle), bundles_holding(settings.bundle)
        shown = [] if settings.ladder is None else [settings.ladder]
        confinement_of(
            settings.bundle,
            settings.examples,
            settings.folder,
            settings.protected,
            sharing=[*compared, *holding, *shown],
        ).apply(by_system=not has_zero_gpu())
        _serve(settings, compared, lambda **report: print(json.dumps(report), file=reports, flush=True))
    except UndertoneError as error:
        print(json.dumps({"problem": str(error)}), file=reports, flush=True)
        raise SystemExit(2) from error


def _end_with_parent(parent: int) -> None:
    """End this process when the front process does, also where that was killed: by the kernel, and by a closed pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's interrupt is for the front process
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)

    def wait() -> None:
        while sys.stdin.buffer.read(1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _serve(settings: PlaygroundSettings, compared: Sequence[Path], report: Any) -> None:
    import uvicorn

    from undertone.app.shared.gradio_import import shorten_gradio_import

    shorten_gradio_import()
    from undertone.app.server.studies_client import StudiesClient
    from undertone.app.shared.compared_systems import systems_beside
    from undertone.app.shared.context import Context
    from undertone.app.shared.model_queue import ModelQueue
    from undertone.app.shared.prompt_panel import find_examples
    from undertone.app.site.application import create_app
    from undertone.engine import Engine, limit_threads

    queue = ModelQueue()
    if has_zero_gpu():
        from undertone.app.server.zero_gpu import ZeroGpuEngine

        engine: Engine = ZeroGpuEngine.load(settings.bundle)
    elif settings.replicas_socket is not None:
        from undertone.app.replicas.remote import RemoteEngine

        engine = RemoteEngine.connect(settings.bundle, settings.replicas_socket)
        queue = ModelQueue(slots=engine.slots)
    else:
        engine = Engine.from_pretrained(settings.bundle, device=settings.device)
    limit_threads(engine)
    if settings.replicas_socket is None:  # seconds, before the first visitor comes; replicas have done it
        threading.Thread(target=engine.compiled_step, daemon=True).start()
    front = StudiesClient(settings.studies_socket)
    context = Context(
        engine,
        settings.folder / "gradio" / "visits",
        tuple(find_examples(settings.examples)),
        queue,
        feedback=front,
        shared_prompts=front,
        others=systems_beside(settings.bundle, engine, compared) if type(engine) is Engine else (),
        ladder=settings.ladder,
    )
    app = _PrivateRoutes(create_app(context, api=settings.api), context.queue)
    config = uvicorn.Config(
        app,
        log_config=None,
        http="h11",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips="*",  # only the front process reaches this socket, and it believes nobody
        timeout_keep_alive=60,  # the front process closes first
    )
    listener = socket.socket(fileno=settings.listener)
    listener.setblocking(False)
    asyncio.run(_run(uvicorn.Server(config), listener, lambda: report(ready=engine.bundle.name)))


async def _run(server: "uvicorn.Server", listener: socket.socket, ready: Any) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        keep_what_is_loaded()
        ready()
    await serving


class _PrivateRoutes:
    """Middleware that answers the front process's questions."""

    def __init__(self, app: "ASGIApp", queue: "ModelQueue") -> None:
        from undertone.app.shared.error_count import count_errors
        from undertone.app.shared.model_metrics import ERRORS, REGISTRY, QueueCollector

        self.app = app
        REGISTRY.register(QueueCollector(queue))
        count_errors(ERRORS)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PRIVATE):
            await self.app(scope, receive, send)
            return
        status, body = self._answer(scope["path"])
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, bytes]:
        from prometheus_client import generate_latest

        from undertone.app.shared.model_metrics import REGISTRY
        from undertone.app.shared.runs import RUNS

        if path == METRICS_PATH:
            return 200, generate_latest(REGISTRY)
        if path == END_PATH:
            RUNS.end()
        return (204 if path in (HEALTH_PATH, END_PATH) else 404), b""


if __name__ == "__main__":
    main()
