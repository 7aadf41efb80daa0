"""One FastAPI application: each page is a Blocks of its own, mounted under its path with the same header and look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from gradio.context import Context as OpenBlocks

from app import continue_page, prosody, results_page
from app.context import Context
from app.events import guard_events
from app.share_preview import use_own_preview
from app.theme import STYLE_PATH, theme

MAX_UPLOAD = "50mb"
FILES_KEPT_SECONDS = 2 * 3600  # uploads and takes in Gradio's cache; looked at every ten minutes


@dataclass(frozen=True)
class Page:
    """A page of the site: `build` lays it out inside an open Blocks."""

    path: str
    title: str
    build: Callable[[Context], None]
    signed_in: bool = False  # only for people who have signed in


def _build_results(context: Context) -> None:
    blocks = OpenBlocks.root_block
    assert context.laboratory is not None
    assert isinstance(blocks, gr.Blocks)
    results_page.build(context.laboratory.desk, blocks)


PAGES: tuple[Page, ...] = (Page("/", "Continue", continue_page.build), Page("/prosody", "Prosody", prosody.build))
RESULTS = Page("/results", "Results", _build_results, signed_in=True)


def create_app(context: Context, pages: Sequence[Page] = PAGES) -> FastAPI:
    """The whole site on one engine.

    Args:
        context: what the pages are given; with a laboratory the raters' page and the results are there too.
        pages: in the order of the navigation; one of them at "/".
    """
    use_own_preview()
    app = FastAPI(title="Undertone", docs_url=None, redoc_url=None, openapi_url=None)
    guard = None
    if context.laboratory is not None:
        context.laboratory.add_to(app)
        guard, pages = context.laboratory.sign_in.require_admin, (*pages, RESULTS)
    for page in sorted(pages, key=lambda page: len(page.path), reverse=True):  # "/" last: a mount there takes all
        gr.mount_gradio_app(
            app,
            build_page(context, page, pages),
            path=page.path,
            auth_dependency=guard if page.signed_in else None,
            footer_links=[],
            run_history=False,
            max_file_size=MAX_UPLOAD,
            allowed_paths=[str(path.resolve()) for path in context.examples],
            show_error=True,
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            theme=theme(),
            css_paths=STYLE_PATH,
            head=head_html(),
        )
    return app


def build_page(context: Context, page: Page, pages: Sequence[Page]) -> gr.Blocks:
    """The page between the site's header and footer."""
    with gr.Blocks(
        title=f"{page.title} · Undertone",
        analytics_enabled=False,
        delete_cache=(600, FILES_KEPT_SECONDS),
        fill_width=True,
    ) as blocks:
        gr.HTML(header_html(page, pages), elem_id="site-header")
        with gr.Column(elem_id="page"):
            page.build(context)
        gr.HTML(footer_html(context), elem_id="site-footer")

        def leave(request: gr.Request) -> None:
            context.leave(request.session_hash)

        blocks.unload(leave)
    for event in blocks.fns.values():
        event.api_visibility = "private"  # a page is for people; what it does is offered by the engine's own interface
    guard_events(blocks)
    blocks.queue(default_concurrency_limit=4, max_size=64, api_open=False)
    return blocks


def head_html() -> str:
    """What every page has in its head."""
    names = ("radio_groups.js", "focus.js", "recording.js")
    script = "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)
    return f'<meta name="description" content="A playground for spoken language models"><script>{script}</script>'


def header_html(page: Page, pages: Sequence[Page]) -> str:
    """Name and navigation; a lone page needs no navigation."""
    links = "".join(
        f'<a href="{escape(other.path)}"{" aria-current=page" if other is page else ""}>{escape(other.title)}</a>'
        for other in pages
    )
    nav = f'<nav aria-label="Pages">{links}</nav>' if len(pages) > 1 else ""
    return f'<header class="site"><a class="brand" href="/">Undertone</a>{nav}</header>'


def footer_html(context: Context) -> str:
    """Which model speaks here."""
    return f'<footer class="site">Model: {escape(context.engine.bundle.name)}. Speech made here is synthetic.</footer>'
