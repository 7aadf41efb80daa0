"""The Prosody page as it is built: what is heavy waits, every widget has an id of its own."""

import gradio as gr

from undertone.app.prosody.page import build_prosody_page
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.app.shared.model_queue import MAX_WAITING
from undertone.app.site.application import PAGES, build_page

PAGE = next(page for page in PAGES if page.path == "/prosody")


def test_heavy_events_share_the_models_queue(context: Context) -> None:
    blocks = build_page(context, PAGE, PAGES)
    heavy = [fn for fn in blocks.fns.values() if fn.concurrency_id == MODEL_QUEUE]
    assert len(heavy) >= 8
    assert {fn.concurrency_limit for fn in heavy} == {MAX_WAITING}
    leaving = {fn for fn in blocks.fns.values() if any(event == "unload" for _, event in fn.targets)}
    waiting = [fn for fn in blocks.fns.values() if fn.queue and fn.fn is not None and fn not in leaving]
    assert {id(fn) for fn in waiting} == {id(fn) for fn in heavy}


def test_every_widget_has_an_id_of_its_own(context: Context) -> None:
    with gr.Blocks() as blocks:
        build_prosody_page(context)
    ids = [block.elem_id for block in blocks.blocks.values() if getattr(block, "elem_id", None)]
    assert sorted(ids) == sorted(set(ids))
