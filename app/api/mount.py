"""Mounting of the API beside the pages."""

import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount, Route

from undertone.app.api.callers import KnownCallers, RunRates
from undertone.app.api.gradio_app import GradioApi
from undertone.app.api.http_routes import HttpApi
from undertone.app.api.running import JobThreads
from undertone.app.asgi.api_paths import GRADIO_PREFIX, HTTP_PREFIX, MCP_PREFIX
from undertone.app.guard.gate import API_ROUTES
from undertone.app.guard.mount import mount_page
from undertone.app.guard.visitors import Visitors
from undertone.app.shared.context import Context

log = logging.getLogger(__name__)


def add_api(app: FastAPI, context: Context, visitors: Visitors) -> None:
    """Add the routes of the API; call it before the pages are mounted, of which the first takes every path.

    Only requests with the header of the front process are answered (`KnownCallers`).
    """
    rates, threads = RunRates(), JobThreads()
    app.router.routes.append(Mount(HTTP_PREFIX, KnownCallers(HttpApi(context, rates, threads).app())))
    mount_page(app, GradioApi(context, rates).build(), GRADIO_PREFIX, visitors, routes=API_ROUTES)
    mount = app.router.routes[-1]
    assert isinstance(mount, Mount)
    mount.app = KnownCallers(mount.app)
    try:
        from undertone.app.api.mcp_tools import McpTools
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        log.info("the package mcp is not installed, so there are no MCP tools: pip install 'undertone[mcp]'")
        return
    tools = McpTools(context, rates, threads)
    app.router.routes.append(Route(MCP_PREFIX, KnownCallers(tools)))
    _run_beside(app, tools)


def _run_beside(app: FastAPI, tools: "Any") -> None:
    """Let the tools begin and end with the application."""
    before = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncGenerator[Any, None]:
        async with tools.lifespan(), before(app) as state:
            yield state

    app.router.lifespan_context = lifespan
