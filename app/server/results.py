"""The Results page in the front process: built in a thread while raters are served, as Gradio loads for seconds.

It is built when somebody asks for it, or some time after the start, when the model's pages are there and no rater is:
loading Gradio and serving raters take turns in one interpreter, which made a rating's acknowledgement wait for 2 s.
"""

import asyncio
import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from undertone.app.asgi.error_pages import wait_page
from undertone.app.shared.garbage import keep_what_is_loaded
from undertone.app.shared.gradio_import import shorten_gradio_import
from undertone.app.site.studies_site import StudiesSite

logger = logging.getLogger(__name__)
EARLIEST_SECONDS = 60.0  # after the start
QUIET_SECONDS = 20.0  # without a rater


def build_results(studies_site: StudiesSite) -> FastAPI:
    """Return the application with the Results page; takes seconds, as it loads Gradio."""
    shorten_gradio_import()
    from undertone.app.site.application import RESULTS, ResultsContext, mount_pages, navigation_of, new_app

    app = new_app()
    context = ResultsContext(studies_site)
    mount_pages(app, context, (RESULTS,), navigation_of(context), studies_site)
    keep_what_is_loaded()
    return app


@dataclass
class LazyApp:
    """Application that is built in a thread; earlier requests are answered with a page that reloads.

    Args:
        build: makes it.
        name: for the page that says that it is loading.
        earliest_seconds: from this time after its start on it is built even if nobody has asked, once it is quiet.
        quiet_seconds: without a call of `wait_for_quiet`.
    """

    build: Callable[[], FastAPI]
    name: str
    earliest_seconds: float = EARLIEST_SECONDS
    quiet_seconds: float = QUIET_SECONDS
    _app: ASGIApp | None = None
    _asked: anyio.Event = field(default_factory=anyio.Event)
    _quiet_from: float = 0.0
    _requests: set[anyio.CancelScope] = field(default_factory=set)

    async def run(self) -> None:
        """Build it in time, and keep it running until this is cancelled."""
        self._quiet_from = max(self._quiet_from, anyio.current_time() + self.earliest_seconds)
        while not self._asked.is_set() and (rest := self._quiet_from - anyio.current_time()) > 0:
            with anyio.move_on_after(rest):
                await self._asked.wait()
        try:
            app = await _in_thread(self.build)
        except Exception:  # of whatever it is made of: raters must be served on
            logger.exception("%s cannot be shown", self.name)
            return
        async with app.router.lifespan_context(app):
            self._app = app
            await anyio.sleep_forever()

    def wait_for_quiet(self) -> None:
        """Put off building what nobody has asked for, as somebody else is being served."""
        self._quiet_from = max(self._quiet_from, anyio.current_time() + self.quiet_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say that it is loading."""
        self._asked.set()
        if self._app is None:
            await wait_page(scope, f"{self.name} is loading", f"{self.name} opens in a moment.", 2)(
                scope, receive, send
            )
            return
        with anyio.CancelScope() as request:
            self._requests.add(request)
            try:
                await self._app(scope, receive, send)
            finally:
                self._requests.discard(request)

    def stop(self) -> None:
        """End what is still open: a page keeps a stream of events for as long as it is shown."""
        for request in list(self._requests):
            request.cancel()


async def _in_thread(build: Callable[[], FastAPI]) -> FastAPI:
    """Return what is built in a thread that nobody waits for where the server ends first: Gradio takes seconds."""
    loop, built = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    context = contextvars.copy_context()

    def tell(act: Callable[[Any], None], what: Any) -> None:
        if not built.done():
            act(what)

    def target() -> None:
        try:
            told: tuple[Callable[[Any], None], Any] = (built.set_result, context.run(build))
        except Exception as error:  # handed to whoever waits
            told = (built.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, *told)

    threading.Thread(target=target, name="building a page", daemon=True).start()
    app: FastAPI = await built
    return app
