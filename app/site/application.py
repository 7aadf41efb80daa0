"""One FastAPI application: each page is a Blocks of its own, mounted under its path with the same header and look."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import gradio as gr
from fastapi import FastAPI
from gradio.context import Context as OpenBlocks
from gradio.utils import get_upload_folder

from undertone.app.asgi.error_pages import CanonicalPaths, ErrorPages
from undertone.app.asgi.root_path import site_path
from undertone.app.guard.body_limit import BodyLimit
from undertone.app.guard.mount import mount_page
from undertone.app.guard.unserved import unserved_blocks
from undertone.app.guard.visitors import Visitors
from undertone.app.shared.events import guard_events
from undertone.app.shared.model_queue import MAX_WAITING
from undertone.app.shared.share_preview import use_own_preview
from undertone.app.shared.take_feedback import TakeFeedback
from undertone.app.shared.theme import STYLE_PATH, theme
from undertone.engine.audio.formats import SUFFIXES

if TYPE_CHECKING:
    from undertone.app.shared.context import Context
    from undertone.app.site.studies_site import StudiesSite  # and the database: the playground has none

QUICK_THREADS = 24  # of a page, for events that do not wait for the model
FILES_KEPT_SECONDS = 2 * 3600  # uploads and takes in Gradio's cache; looked at every ten minutes


class PageContext(Protocol):
    """Context that every page gets, whichever process serves it."""

    @property
    def feedback(self) -> TakeFeedback | None: ...
    @property
    def model_name(self) -> str | None: ...
    @property
    def examples(self) -> tuple[Path, ...]: ...

    def leave(self, session: str | None) -> None:
        """Note that a browser has left the page."""
        ...


@dataclass(frozen=True)
class ResultsContext:
    """Context of the Results page: the studies and no engine, as the front process has none."""

    studies_site: "StudiesSite"
    model_name: str | None = None
    examples: tuple[Path, ...] = ()

    @property
    def feedback(self) -> TakeFeedback:
        return self.studies_site

    def leave(self, session: str | None) -> None:
        """Do nothing: nothing of a visit is kept here."""


@dataclass(frozen=True)
class Page:
    """A page of the site: `build` lays it out inside an open Blocks."""

    path: str
    title: str
    build: Callable[[Any], None]
    signed_in: bool = False  # only for people who have signed in


# Each page is imported when it is built: the process that serves Results has no model, and none of its packages.
def _build_continue(context: "Context") -> None:
    from undertone.app.continue_page import page as continue_page

    continue_page.build_continue_page(context)


def _build_prosody(context: "Context") -> None:
    from undertone.app import prosody

    if context.engine.bundle.config.model.has_latents:
        prosody.build_prosody_page(context)
    else:
        prosody.build_page_without_latents(context)


def _build_ladder(context: "Context") -> None:
    from undertone.app.ladder import page as ladder_page

    ladder_page.build_ladder_page(context)


def _build_results(context: "ResultsContext") -> None:
    from undertone.app.results import page as results_page

    blocks = OpenBlocks.root_block
    assert isinstance(blocks, gr.Blocks)
    results_page.build_results_page(context.studies_site.access, blocks)


PAGES: tuple[Page, ...] = (
    Page("/", "Continue", _build_continue),
    Page("/prosody", "Prosody", _build_prosody),
    Page("/ladder", "Ladder", _build_ladder),
)
RESULTS = Page("/results", "Results", _build_results, signed_in=True)


def create_app(
    context: PageContext, pages: Sequence[Page] = PAGES, studies_site: "StudiesSite | None" = None, api: bool = False
) -> FastAPI:
    """Build the whole site on one engine, in one process; `undertone serve` spreads it over two.

    Args:
        context: what the pages are given.
        pages: in the order of the navigation; one of them at "/".
        studies_site: listening studies; with them the raters' page and the results are there too.
        api: whether programs are answered, as the front process lets them in.
    """
    app = new_app()
    if studies_site is not None:
        studies_site.add_to(app)
    shown = navigation_of(context, pages)
    visitors = Visitors(Path(get_upload_folder()))
    if api:
        from undertone.app.api.mount import add_api
        from undertone.app.shared.context import Context

        assert isinstance(context, Context)
        add_api(app, context, visitors)
    mount_pages(app, context, shown if studies_site is not None else pages, shown, studies_site, visitors)
    return app


def new_app() -> FastAPI:
    """Return an application without pages, whose requests have bounded bodies."""
    app = FastAPI(title="Undertone", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(BodyLimit)
    return app


def navigation_of(context: PageContext, pages: Sequence[Page] = PAGES) -> tuple[Page, ...]:
    """Return what the header leads to: Results too where there are studies, whichever process serves it."""
    return (*pages, RESULTS) if context.feedback is not None else tuple(pages)


def mount_pages(
    app: FastAPI,
    context: PageContext,
    pages: Sequence[Page],
    navigation: Sequence[Page],
    studies_site: "StudiesSite | None" = None,
    visitors: Visitors | None = None,
) -> None:
    """Mount pages under their paths; every address works with and without a slash, wrong ones are answered in words.

    Args:
        navigation: what the header of every page leads to.
        studies_site: what the pages for people who have signed in are given; without it there must be none of them.
        visitors: shared with what was mounted before; None for new ones.
    """
    use_own_preview()
    guard = studies_site.sign_in.require_admin if studies_site is not None else None
    visitors = visitors or Visitors(Path(get_upload_folder()))
    for page in sorted(pages, key=lambda page: len(page.path), reverse=True):  # "/" last: a mount there takes all
        mount_page(
            app,
            build_page(_context_of(page, context, studies_site), page, navigation),
            path=page.path,
            visitors=visitors,
            authenticate=guard if page.signed_in else None,
            allowed_paths=[str(path.resolve()) for path in context.examples],
            theme=theme(),
            css_paths=STYLE_PATH,
            head=head_html(),
        )
    app.add_middleware(CanonicalPaths, folders=[page.path for page in pages], plain=("/rate", "/sign-in", "/sign-out"))
    app.add_middleware(ErrorPages)


def _context_of(page: Page, context: PageContext, studies_site: "StudiesSite | None") -> PageContext:
    """Return what a page is given."""
    if not page.signed_in:
        return context
    assert studies_site is not None
    return ResultsContext(studies_site, context.model_name)


@unserved_blocks()
def build_page(context: PageContext, page: Page, pages: Sequence[Page]) -> gr.Blocks:
    """Build the page between the site's header and footer."""
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
    # Who waits for the model holds a thread; Gradio's common 40 are for events that answer at once.
    blocks.limiter = anyio.CapacityLimiter(MAX_WAITING + QUICK_THREADS)
    return blocks


def head_html() -> str:
    """Return the HTML that every page has in its head."""
    names = ("radio_groups.js", "focus.js", "recording.js", "sound_files.js")
    script = f"const SOUND_SUFFIXES = {json.dumps(SUFFIXES)};\n"
    script += "\n".join((STYLE_PATH.parent / name).read_text(encoding="utf-8") for name in names)
    return f'<meta name="description" content="A playground for spoken language models"><script>{script}</script>'


def header_html(page: Page, pages: Sequence[Page]) -> str:
    """Return the site's name and navigation as HTML; a lone page needs no navigation."""
    current = " aria-current=page"
    links = "".join(
        f'<a href="{escape(site_path(other.path))}"{current if other is page else ""}>{escape(other.title)}</a>'
        for other in pages
    )
    nav = f'<nav aria-label="Pages">{links}</nav>' if len(pages) > 1 else ""
    return f'<header class="site"><a class="brand" href="{escape(site_path("/"))}">Undertone</a>{nav}</header>'


def footer_html(context: PageContext) -> str:
    """Return the footer, which names the model, as HTML."""
    model = f"Model: {escape(context.model_name)}. " if context.model_name else ""
    return f'<footer class="site">{model}Speech made here is synthetic.</footer>'
