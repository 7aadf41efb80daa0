"""The Prosody page: choose speech, move how it is said, hear and see what that changes. Layout and glue."""

import gradio as gr
from gradio.context import Context as GradioContext

from undertone.app.prosody.controller import PageController
from undertone.app.prosody.delivery_events import bind_delivery
from undertone.app.prosody.delivery_widgets import build_delivery
from undertone.app.prosody.editor_events import bind_editor
from undertone.app.prosody.editor_widgets import build_editor
from undertone.app.prosody.output_events import bind_output
from undertone.app.prosody.output_widgets import build_output
from undertone.app.prosody.source_step import SourceStep, bind_arrival, bind_source_step, build_source_step
from undertone.app.prosody.status import build_status
from undertone.app.prosody.tasks import bind_cancel
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context


def build_prosody_page(context: Context) -> None:
    """Build everything below the page's header, inside an open Blocks."""
    source, controller = lay_out(context)
    bind_cancel(controller)
    bind_source_step(source, controller)
    bind_editor(controller)
    bind_delivery(controller)
    bind_output(controller)
    if GradioContext.root_block is not None:
        bind_arrival(controller, GradioContext.root_block)


def lay_out(context: Context) -> tuple[SourceStep, PageController]:
    """Build the page's widgets, without what they do."""
    visit = gr.State(ProsodyVisit(context.folder), delete_callback=ProsodyVisit.close)
    gr.HTML(
        '<div class="hero"><h1>The same words, said another way.</h1>'
        "<p>The model hears how something is said as a few curves. Move them, and hear and see what each one does.</p>"
        "</div>"
    )
    with gr.Column(elem_classes="card", elem_id="source-step"):
        source = build_source_step(context)
    editor = build_editor()
    delivery = build_delivery(context)
    output = build_output(context)
    return source, PageController(context, visit, build_status(), editor, editor.range_tool, delivery, output)
