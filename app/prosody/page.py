"""The Prosody page: choose speech, change how it is said, hear and see the difference. Layout and bindings."""

import html

import gradio as gr
from gradio.context import Context as GradioContext

from undertone.app.prosody.delivery_events import bind_delivery
from undertone.app.prosody.delivery_widgets import build_delivery
from undertone.app.prosody.editor_events import bind_editor
from undertone.app.prosody.editor_widgets import build_editor
from undertone.app.prosody.output_events import bind_output
from undertone.app.prosody.output_widgets import build_output
from undertone.app.prosody.page_view import PageView
from undertone.app.prosody.source_events import bind_arrival, bind_source
from undertone.app.prosody.source_widgets import SourceWidgets, build_source
from undertone.app.prosody.status import build_status
from undertone.app.prosody.tasks import bind_cancel
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context


def build_prosody_page(context: Context) -> None:
    """Build everything below the page's header, inside an open Blocks."""
    source, view = lay_out(context)
    bind_cancel(view)
    bind_source(source, view)
    bind_editor(view)
    bind_delivery(view)
    bind_output(view)
    if GradioContext.root_block is not None:
        bind_arrival(view, GradioContext.root_block)


def lay_out(context: Context) -> tuple[SourceWidgets, PageView]:
    """Build the page's widgets, without what they do."""
    visit = gr.State(ProsodyVisit(context.folder), delete_callback=ProsodyVisit.close)
    gr.HTML(
        '<div class="hero"><h1>The same words, said another way.</h1>'
        "<p>The model hears how something is said as a few curves. Move them, and hear and see what each one does.</p>"
        "</div>"
    )
    with gr.Column(elem_classes="card", elem_id="source-step"):
        source = build_source(context)
    editor = build_editor()
    delivery = build_delivery(context)
    output = build_output(context)
    return source, PageView(context, visit, build_status(), editor, delivery, output)


def build_page_without_latents(context: Context) -> None:
    """Build what the page says where the bundle's system has no latents to move."""
    system = context.engine.bundle.config.model.system
    gr.HTML(
        '<div class="hero"><h1>The same words, said another way.</h1>'
        f"<p>{html.escape(context.model_name)} is a {html.escape(system)}: it has no latents, which this page moves. "
        "It goes on from recordings on the Continue page; open a VAE-GSLM to take prosody apart.</p></div>"
    )
