"""The page that is built in a thread: when somebody asks, or when it is time and no rater is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from fastapi import FastAPI

from undertone.app.server.results import LazyApp

SCOPE = {"type": "http", "method": "GET", "path": "/results", "headers": [], "query_string": b""}


async def ignore(_message: Any) -> None:
    """Take an answer."""


async def nothing() -> dict[str, Any]:
    return {"type": "http.request"}


def built_after(what: Callable[[LazyApp], Awaitable[None]], earliest: float, quiet: float) -> float | None:
    """Return the seconds after which the application was built; None where it was not while `what` went on."""
    built: list[float] = []

    def build() -> FastAPI:
        built.append(time.monotonic() - began)
        return FastAPI()

    async def go() -> None:
        app = LazyApp(build, "Results", earliest_seconds=earliest, quiet_seconds=quiet)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app.run)
            await what(app)
            tasks.cancel_scope.cancel()

    began = time.monotonic()
    asyncio.run(go())
    return built[0] if built else None


def test_it_is_built_when_it_is_time_though_nobody_has_asked() -> None:
    found = built_after(lambda _: anyio.sleep(0.5), earliest=0.1, quiet=0.1)
    assert found is not None
    assert found >= 0.1


def test_it_is_not_built_while_raters_are_there_unless_somebody_asks() -> None:
    async def rate(app: LazyApp) -> None:
        for _ in range(20):
            app.wait_for_quiet()
            await anyio.sleep(0.02)

    async def rate_and_ask(app: LazyApp) -> None:
        await rate(app)
        await app(SCOPE, nothing, ignore)
        await rate(app)

    assert built_after(rate, earliest=0.1, quiet=5.0) is None
    found = built_after(rate_and_ask, earliest=0.1, quiet=5.0)
    assert found is not None
    assert found >= 0.4
