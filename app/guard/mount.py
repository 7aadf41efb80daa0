"""Mounting of a page's Blocks behind its gate."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Mount

from undertone.app.guard.errors import translate_errors
from undertone.app.guard.gate import ROUTES, Gate, Route, authenticated_name
from undertone.app.guard.headers import script_hashes
from undertone.app.guard.visitors import Visitors

LOOK_SECONDS = 0.02  # between two looks of a page's queue for an event, and so the longest that one waits for nothing
TELL_SECONDS = 0.1  # between two looks for progress to be told


def mount_page(
    app: FastAPI,
    blocks: gr.Blocks,
    path: str,
    visitors: Visitors,
    authenticate: Callable[[Request], str] | None = None,
    routes: tuple[Route, ...] = ROUTES,
    **options: Any,
) -> None:
    """Mount a page under its path, with Gradio reachable only through the gate.

    Args:
        visitors: shared by all pages of the site.
        authenticate: returns the name of a person who may see the page; raises HTTPException for others.
        routes: that the gate lets through.
        options: of `gr.mount_gradio_app`.
    """
    for block in blocks.blocks.values():
        if hasattr(block, "GRADIO_CACHE"):
            block.GRADIO_CACHE = str(visitors.root)  # files that lie there are served as they are, not copied
    translate_errors(blocks)
    rest_when_idle(blocks)
    gr.mount_gradio_app(
        app, blocks, path=path, auth_dependency=None if authenticate is None else authenticated_name,
        show_error=False, ssr_mode=False, enable_monitoring=False, mcp_server=False, pwa=False, run_history=False,
        footer_links=[],
        max_file_size=visitors.limits.upload_bytes, **options,
    )  # fmt: skip
    # Gradio looks at the paths in a request only once this is set, and sets it itself only in `launch()`.
    blocks.has_launched = True
    mount = app.router.routes[-1]
    assert isinstance(mount, Mount)
    blocks.app = mount.app  # which `unserved_blocks` has left open
    mount.app = Gate(mount.app, blocks, visitors, authenticate, script_hashes(options.get("head", "")), routes)


def rest_when_idle(blocks: gr.Blocks) -> None:
    """Let a page's queue look for events less often: Gradio looks 1000 times a second, a twentieth of a processor."""
    blocks._queue.sleep_when_free = LOOK_SECONDS
    blocks._queue.progress_update_sleep_when_free = TELL_SECONDS
