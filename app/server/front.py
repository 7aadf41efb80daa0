"""The front process: answers raters and admins itself and forwards everything else to the playground."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from undertone.app.asgi.api_paths import is_api_path
from undertone.app.asgi.error_pages import CanonicalPaths, ErrorPages
from undertone.app.asgi.framing import FramedCookies, is_framed
from undertone.app.asgi.root_path import UnderRootPath, site_path
from undertone.app.auth.tickets import Tickets
from undertone.app.guard.body_limit import BodyLimit
from undertone.app.server.api_access import ApiAccess, ApiSettings
from undertone.app.server.connections import ConnectionBounds, bounded_protocol
from undertone.app.server.forwarding import Forwarding, log_loop_error
from undertone.app.server.health import health_router
from undertone.app.server.metrics import ServerMetrics
from undertone.app.server.process import Playground, store_kernels
from undertone.app.server.results import LazyApp, build_results
from undertone.app.server.studies_socket import studies_socket_app
from undertone.app.shared.error_count import count_errors
from undertone.app.shared.shared_prompts import SharedPrompts
from undertone.app.site.studies_site import StudiesSite

logger = logging.getLogger(__name__)
RESULTS_PATH = "/results"
RATE_PATH = "/rate"
TELL_SECONDS = 4.0  # for visitors whose runs are ended, when the server is to end
FINISH_SECONDS = 7  # then for what raters are sending; who waits longer for the database is not answered, sends again
SWEEP_SECONDS = 3600.0  # between two looks for shared prompts whose days are over
SWITCH_SECONDS = 0.0005  # a page of Results that computes must not hold up an answer: threads take turns this often


@dataclass
class Front:
    """Applications of the front process.

    Attributes:
        studies: raters' routes and sign-in; what they are not for goes on to the playground.
    """

    studies: FastAPI
    results: LazyApp
    forwarding: Forwarding
    api: ApiAccess

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"].startswith(RATE_PATH):
            self.results.wait_for_quiet()
        await self.studies(scope, receive, send)

    async def fallback(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what no route of the studies is for."""
        path = scope["path"] if scope["type"] == "http" else ""
        if is_api_path(path):
            await self.api(scope, receive, send)
            return
        is_results = path == RESULTS_PATH or path.startswith(f"{RESULTS_PATH}/")
        await (self.results if is_results else self.forwarding)(scope, receive, send)

    async def finish_runs(self) -> None:
        """End the runs of the model with a word to their visitors."""
        await self.forwarding.finish_runs(TELL_SECONDS)

    def stop_streams(self) -> None:
        """End what would otherwise stay open for as long as a page is shown."""
        self.forwarding.stop()
        self.results.stop()


def front_app(
    studies_site: StudiesSite, playground: Playground, tickets: Tickets, api: ApiSettings = ApiSettings()
) -> tuple[ASGIApp, Front]:
    """Return the application of the port, and its parts."""
    studies = FastAPI(title="Undertone", docs_url=None, redoc_url=None, openapi_url=None)
    studies.include_router(health_router(studies_site.db, playground))
    studies_site.add_to(studies)
    results = LazyApp(lambda: build_results(studies_site), "Results")
    forwarding = Forwarding(playground, tickets)
    front = Front(studies, results, forwarding, ApiAccess(forwarding, studies_site.db, api))
    studies.mount("/", front.fallback)  # last: it takes whatever none of the routes above is for
    pages = CanonicalPaths(front, folders=[RESULTS_PATH], plain=(RATE_PATH, "/sign-in", "/sign-out"))
    site: ASGIApp = UnderRootPath(BodyLimit(ErrorPages(pages)), site_path(""))
    return FramedCookies(site) if is_framed() else site, front


class _Server(uvicorn.Server):
    """Server that ends the streams of pages first and then lets raters finish."""

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: runs with a word, then no new connections, no streams; requests of raters are answered."""
        await self._front.finish_runs()
        self._front.stop_streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End quietly at an interrupt or a termination; the signal is not raised again, as all is cleaned up here."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _PrivateServer(uvicorn.Server):
    """Server of the private socket, which leaves signals to the other one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def run_front(
    listener: socket.socket,
    studies_site: StudiesSite,
    playground: Playground,
    bounds: ConnectionBounds = ConnectionBounds(),
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
    metrics_listener: socket.socket | None = None,
    api: ApiSettings = ApiSettings(),
) -> None:
    """Serve until an interrupt or a termination.

    Args:
        listener: the port.
        playground: not yet started.
        bounds: of the connections.
        wrap: put around all of it, to say which address a client has; None leaves that to uvicorn.
        metrics_listener: the port of the metrics; None for none.
        api: who may use the API.
    Raises:
        BundleError: the bundle cannot be loaded.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    asyncio.get_running_loop().set_exception_handler(log_loop_error)
    tickets = Tickets()
    app, front = front_app(studies_site, playground, tickets, api)
    metrics = ServerMetrics()
    count_errors(metrics.errors)
    app = metrics.counted(app)
    config = _config(app if wrap is None else wrap(app), bounded_protocol(bounds), proxy_headers=wrap is None)
    server = _Server(config, front)
    prompts = SharedPrompts(studies_site.places.data / "shared-prompts")
    private_app = metrics.counted(studies_socket_app(studies_site, tickets, prompts))
    private = _PrivateServer(_config(private_app, "h11", proxy_headers=False))
    counts = _PrivateServer(_config(metrics.page(playground), "h11", proxy_headers=False))
    try:
        with _private_listener(playground.studies_socket) as private_listener:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(private.serve, [private_listener])
                tasks.start_soon(_sweep_prompts, prompts)
                if metrics_listener is not None:
                    tasks.start_soon(counts.serve, [metrics_listener])
                tasks.start_soon(playground.run)
                tasks.start_soon(store_kernels)
                tasks.start_soon(front.results.run)
                await server.serve(sockets=[listener])
                private.should_exit = counts.should_exit = True
                tasks.cancel_scope.cancel()
    except* Exception as group:
        raise _first_error(group)  # noqa: B904  # the group says nothing more


async def _sweep_prompts(prompts: SharedPrompts) -> None:
    """Delete shared prompts whose days are over, at the start and every hour."""
    while True:
        try:
            await anyio.to_thread.run_sync(prompts.sweep)
        except OSError as error:
            logger.warning("shared prompts whose days are over could not be deleted: %s", error)
        await anyio.sleep(SWEEP_SECONDS)


def _config(app: ASGIApp, http: Any, proxy_headers: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        proxy_headers=proxy_headers,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )


@contextlib.contextmanager
def _private_listener(path: Path) -> Iterator[socket.socket]:
    """Open a listening Unix socket; its folder lets nobody else in."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(64)
        listener.setblocking(False)
        yield listener


def _first_error(group: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first error of a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error
