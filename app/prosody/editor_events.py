"""What the cards, the curves and the history do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from undertone.app.prosody.background import reported
from undertone.app.prosody.card_words import own_effect
from undertone.app.prosody.cards import Card
from undertone.app.prosody.controller import Change, PageController
from undertone.app.prosody.edit_state import EditState, read_moves, stroke_text
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.range_tool import TYPED_JS, show_amount, stroke
from undertone.app.prosody.status import NOTHING, Updates
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.shared.live_player import samples_text
from undertone.app.shared.widgets import EVERY, QUIET
from undertone.engine import SettingsError, UndertoneError
from undertone.engine.prosody import Cancelled, MorphedLatents

SIGMAS = (-2.0, 0.0, 2.0)  # what a card plays side by side


def bind_editor(controller: PageController) -> None:
    """Sliders, history, range and the cards' three sounds."""
    _bind_sliders(controller)
    _bind_history(controller)
    _bind_range(controller)
    _bind_audition(controller)


def moved(editing: EditingSession, values: Any, morph: Any) -> EditState:
    """Return the session's arrangement with the sliders where the browser says they stand.

    Raises:
        SettingsError: they cannot stand there.
    """
    if not isinstance(values, dict):
        raise SettingsError("the sliders say nothing; load the page again.")
    edit_state = editing.now.with_moves(read_moves(values, editing.cards), editing.cards)
    if isinstance(edit_state.latents, MorphedLatents) and isinstance(morph, int | float):
        amount = min(1.0, max(0.0, float(morph)))
        edit_state = replace(edit_state, latents=edit_state.latents.model_copy(update={"amount": amount}))
    return edit_state


def _bind_sliders(controller: PageController) -> None:
    view, status = controller.editor, controller.status

    def try_out(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if visit.editing is None or not is_newest(visit, event):
                return NOTHING
            try:
                wanted = moved(visit.editing, event.values, event.morph)
            except UndertoneError as error:
                return controller.refused(visit, error)
            visit.start("draft", wanted, token=int(event.token))
            return status.busy("Draft")

    def draft(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        editing = visit.editing
        if editing is None or task.edit_state is None:
            return
        wanted, engine = task.edit_state, controller.context.engine
        rendering = yield from controller.progress(
            reported(task.run, lambda progress: editing.draft(engine, wanted, progress)), "Draft"
        )
        with visit.lock:
            if task.run.stop.is_set():
                raise Cancelled
            updates = view.show_draft(visit, task.token, rendering) | controller.done(visit, task, None)
        yield updates

    def settle(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if not is_newest(visit, event):
                return controller.controls(visit) or NOTHING
            return controller.commit(visit, lambda editing: moved(editing, event.values, event.morph))

    desk = view.desk
    controller.work(
        desk.input(try_out, controller.visit, controller.outputs, **EVERY), "draft", draft, outputs=[view.draft]
    )
    controller.work(desk.release(settle, controller.visit, controller.outputs, **EVERY), "render", controller.render)


def is_newest(visit: ProsodyVisit, event: gr.EventData) -> bool:
    """Return whether a step of the sliders is this session's and the newest; it is the newest then."""
    try:
        number, sequence = int(event.session), int(event.sequence)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return False
    if visit.editing is None or number != visit.editing.number or not visit.sequence < sequence < 2**53:
        return False
    visit.sequence = sequence
    return True


def _bind_history(controller: PageController) -> None:
    def back(visit: ProsodyVisit) -> Change:
        def change(editing: EditingSession) -> EditState:
            editing.history.undo()
            return editing.now

        return change

    def forth(visit: ProsodyVisit) -> Change:
        def change(editing: EditingSession) -> EditState:
            editing.history.redo()
            return editing.now

        return change

    controller.render_after(controller.editor.undo.click, back)
    controller.render_after(controller.editor.redo.click, forth)

    def remove(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        def change(editing: EditingSession) -> EditState:
            texts = [stroke_text(stroke, editing.cards) for stroke in editing.now.strokes]
            found = [index for index, text in enumerate(texts) if text == event.label]
            return editing.now.without_stroke(found[-1]) if found else editing.now  # else it has been removed already

        return controller.commit(visit, change)

    controller.work(
        controller.editor.desk.delete(remove, controller.visit, controller.outputs, **EVERY),
        "render",
        controller.render,
    )


def _bind_range(controller: PageController) -> None:
    tool = controller.range_tool

    def draw(visit: ProsodyVisit, *values: Any) -> Change:
        return lambda editing: editing.now.with_stroke(stroke(editing, *values))

    def chosen(event: gr.EventData) -> list[Any]:
        return [gr.skip() if event.card is None else event.card, event.start, event.end]

    controller.render_after(tool.apply.click, draw, tool.inputs)
    tool.kind.change(show_amount, tool.kind, tool.amount, **QUIET)
    controller.editor.range.select(chosen, None, tool.outputs, **QUIET)
    gr.on([tool.start.change, tool.end.change], None, [tool.start, tool.end], None, js=TYPED_JS)


def _bind_audition(controller: PageController) -> None:
    status, view = controller.status, controller.editor

    def begin(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if visit.editing is None:
                return NOTHING
            visit.start("audition", visit.editing.now, token=int(event.token), card=str(event.audition))
            return status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        editing = visit.editing
        if editing is None or task.edit_state is None:
            return
        card = find_card(editing, task.card)
        clips, measured = [], []
        for sigma in SIGMAS:
            wanted = _at(editing, task.edit_state, card, sigma)
            rendering = yield from controller.make(task, editing, wanted, f"Making {card.title} at {sigma:+g} σ")
            clips.append(samples_text(rendering.audio))
            measured.append(editing.measures(wanted))
        played = {"token": task.token, "card": task.card, "clips": clips, "effect": own_effect(card.expected, measured)}
        yield controller.done(visit, task, None) | {view.audition: played}

    controller.work(
        view.desk.select(begin, controller.visit, status.outputs, **EVERY), "audition", work, outputs=[view.audition]
    )


def find_card(editing: EditingSession, card_id: str) -> Card:
    """Return the card that a browser speaks of.

    Raises:
        SettingsError: there is none.
    """
    card = next((card for card in editing.cards if card.id == card_id), None)
    if card is None:
        raise SettingsError("there is no such card; load the page again.")
    return card


def _at(editing: EditingSession, edit_state: EditState, card: Card, sigma: float) -> EditState:
    """Return the arrangement with one card's shift elsewhere and everything else as it is."""
    moves = {**dict(edit_state.moves), card.id: replace(edit_state.move(card), shift=sigma)}
    return edit_state.with_moves(moves, editing.cards)
