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


def bind_editor(parts: PageController) -> None:
    """Sliders, history, range and the cards' three sounds."""
    _bind_sliders(parts)
    _bind_history(parts)
    _bind_range(parts)
    _bind_audition(parts)


def moved(bench: EditingSession, values: Any, morph: Any) -> EditState:
    """Return the session's arrangement with the sliders where the browser says they stand.

    Raises:
        SettingsError: they cannot stand there.
    """
    if not isinstance(values, dict):
        raise SettingsError("the sliders say nothing; load the page again.")
    arrangement = bench.now.with_moves(read_moves(values, bench.cards), bench.cards)
    if isinstance(arrangement.latents, MorphedLatents) and isinstance(morph, int | float):
        amount = min(1.0, max(0.0, float(morph)))
        arrangement = replace(arrangement, latents=arrangement.latents.model_copy(update={"amount": amount}))
    return arrangement


def _bind_sliders(parts: PageController) -> None:
    view, status = parts.workbench, parts.status

    def try_out(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if visit.bench is None or not is_newest(visit, event):
                return NOTHING
            try:
                wanted = moved(visit.bench, event.values, event.morph)
            except UndertoneError as error:
                return parts.refused(visit, error)
            visit.start("draft", wanted, token=int(event.token))
            return status.busy("Draft")

    def draft(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        bench = visit.bench
        if bench is None or task.arrangement is None:
            return
        wanted, engine = task.arrangement, parts.context.engine
        rendering = yield from parts.progress(
            reported(task.run, lambda watch: bench.draft(engine, wanted, watch)), "Draft"
        )
        with visit.lock:
            if task.run.stop.is_set():
                raise Cancelled
            updates = view.show_draft(visit, task.token, rendering) | parts.done(visit, task, None)
        yield updates

    def settle(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if not is_newest(visit, event):
                return parts.controls(visit) or NOTHING
            return parts.commit(visit, lambda bench: moved(bench, event.values, event.morph))

    desk = view.desk
    parts.work(desk.input(try_out, parts.visit, parts.outputs, **EVERY), "draft", draft, outputs=[view.draft])
    parts.work(desk.release(settle, parts.visit, parts.outputs, **EVERY), "render", parts.render)


def is_newest(visit: ProsodyVisit, event: gr.EventData) -> bool:
    """Return whether a step of the sliders is this session's and the newest; it is the newest then."""
    try:
        number, sequence = int(event.bench), int(event.sequence)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return False
    if visit.bench is None or number != visit.bench.number or not visit.sequence < sequence < 2**53:
        return False
    visit.sequence = sequence
    return True


def _bind_history(parts: PageController) -> None:
    def back(visit: ProsodyVisit) -> Change:
        def change(bench: EditingSession) -> EditState:
            bench.history.undo()
            return bench.now

        return change

    def forth(visit: ProsodyVisit) -> Change:
        def change(bench: EditingSession) -> EditState:
            bench.history.redo()
            return bench.now

        return change

    parts.render_after(parts.workbench.undo.click, back)
    parts.render_after(parts.workbench.redo.click, forth)

    def remove(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        def change(bench: EditingSession) -> EditState:
            texts = [stroke_text(stroke, bench.cards) for stroke in bench.now.strokes]
            found = [index for index, text in enumerate(texts) if text == event.label]
            return bench.now.without_stroke(found[-1]) if found else bench.now  # else it has been removed already

        return parts.commit(visit, change)

    parts.work(parts.workbench.desk.delete(remove, parts.visit, parts.outputs, **EVERY), "render", parts.render)


def _bind_range(parts: PageController) -> None:
    tool = parts.range_tool

    def draw(visit: ProsodyVisit, *values: Any) -> Change:
        return lambda bench: bench.now.with_stroke(stroke(bench, *values))

    def chosen(event: gr.EventData) -> list[Any]:
        return [gr.skip() if event.card is None else event.card, event.start, event.end]

    parts.render_after(tool.apply.click, draw, tool.inputs)
    tool.kind.change(show_amount, tool.kind, tool.amount, **QUIET)
    parts.workbench.range.select(chosen, None, tool.outputs, **QUIET)
    gr.on([tool.start.change, tool.end.change], None, [tool.start, tool.end], None, js=TYPED_JS)


def _bind_audition(parts: PageController) -> None:
    status, view = parts.status, parts.workbench

    def begin(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if visit.bench is None:
                return NOTHING
            visit.start("audition", visit.bench.now, token=int(event.token), card=str(event.audition))
            return status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        bench = visit.bench
        if bench is None or task.arrangement is None:
            return
        card = find_card(bench, task.card)
        clips, measured = [], []
        for sigma in SIGMAS:
            wanted = _at(bench, task.arrangement, card, sigma)
            rendering = yield from parts.make(task, bench, wanted, f"Making {card.title} at {sigma:+g} σ")
            clips.append(samples_text(rendering.audio))
            measured.append(bench.measures(wanted))
        played = {"token": task.token, "card": task.card, "clips": clips, "effect": own_effect(card.expected, measured)}
        yield parts.done(visit, task, None) | {view.audition: played}

    parts.work(view.desk.select(begin, parts.visit, status.outputs, **EVERY), "audition", work, outputs=[view.audition])


def find_card(bench: EditingSession, card_id: str) -> Card:
    """Return the card that a browser speaks of.

    Raises:
        SettingsError: there is none.
    """
    card = next((card for card in bench.cards if card.id == card_id), None)
    if card is None:
        raise SettingsError("there is no such card; load the page again.")
    return card


def _at(bench: EditingSession, arrangement: EditState, card: Card, sigma: float) -> EditState:
    """Return the arrangement with one card's shift elsewhere and everything else as it is."""
    moves = {**dict(arrangement.moves), card.id: replace(arrangement.move(card), shift=sigma)}
    return arrangement.with_moves(moves, bench.cards)
