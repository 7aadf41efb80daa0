"""What the cards, the curves and the history do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from app.live_player import samples_text
from app.prosody.arrangement import Arrangement, read_moves
from app.prosody.bench import Bench
from app.prosody.parts import Change, Parts
from app.prosody.range_tool import TYPED_JS, show_amount, stroke
from app.prosody.status import Updates
from app.prosody.visit import ProsodyVisit, Task
from app.prosody.working import reported
from app.widgets import QUIET
from engine import SettingsError, UndertoneError
from engine.prosody import MorphedLatents

SIGMAS = (-2.0, 0.0, 2.0)  # what a card plays side by side


def bind_editing(parts: Parts) -> None:
    """Sliders, history, range and the cards' three sounds."""
    _bind_sliders(parts)
    _bind_history(parts)
    _bind_range(parts)
    _bind_audition(parts)


def moved(bench: Bench, values: Any, morph: Any) -> Arrangement:
    """The bench's arrangement with the sliders where the browser says they stand.

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


def _bind_sliders(parts: Parts) -> None:
    bench_view, status = parts.workbench, parts.status

    def try_out(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        if visit.bench is None:
            return status.idle()
        try:
            wanted = moved(visit.bench, event.values, event.morph)
        except UndertoneError as error:
            return status.problem(error)
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
        yield status.idle() | {bench_view.draft: {"token": task.token, "samples": samples_text(rendering.audio)}}

    def settle(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        return parts.commit(visit, lambda bench: moved(bench, event.values, event.morph), sliders=False)

    desk = bench_view.desk
    parts.work(desk.input(try_out, parts.visit, status.outputs, **QUIET), "draft", draft, outputs=[bench_view.draft])
    parts.work(desk.release(settle, parts.visit, parts.outputs, **QUIET), "render", parts.render)


def _bind_history(parts: Parts) -> None:
    def back(visit: ProsodyVisit) -> Change:
        def change(bench: Bench) -> Arrangement:
            bench.history.undo()
            return bench.now

        return change

    def forth(visit: ProsodyVisit) -> Change:
        def change(bench: Bench) -> Arrangement:
            bench.history.redo()
            return bench.now

        return change

    parts.render_after(parts.workbench.undo.click, back)
    parts.render_after(parts.workbench.redo.click, forth)

    def remove(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        return parts.commit(visit, lambda bench: bench.now.without_stroke(int(event.stroke)))

    parts.work(parts.workbench.desk.delete(remove, parts.visit, parts.outputs, **QUIET), "render", parts.render)


def _bind_range(parts: Parts) -> None:
    tool = parts.range_tool

    def draw(visit: ProsodyVisit, *values: Any) -> Change:
        return lambda bench: bench.now.with_stroke(stroke(bench, *values))

    def chosen(event: gr.EventData) -> list[Any]:
        return [gr.skip() if event.card is None else event.card, event.start, event.end]

    parts.render_after(tool.apply.click, draw, tool.inputs)
    tool.kind.change(show_amount, tool.kind, tool.amount, **QUIET)
    parts.workbench.range.select(chosen, None, tool.outputs, **QUIET)
    gr.on([tool.start.change, tool.end.change], None, [tool.start, tool.end], None, js=TYPED_JS)


def _bind_audition(parts: Parts) -> None:
    status, view = parts.status, parts.workbench

    def begin(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        if visit.bench is None:
            return status.idle()
        visit.start("audition", visit.bench.now, token=int(event.token), card=str(event.audition))
        return status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        bench = visit.bench
        if bench is None or task.arrangement is None:
            return
        clips = []
        for sigma in SIGMAS:
            wanted = _at(bench, task.arrangement, task.card, sigma)
            rendering = yield from parts.make(task, bench, wanted, f"{task.card} at {sigma:+g} σ")
            clips.append(samples_text(rendering.audio))
        yield status.idle() | {view.audition: {"token": task.token, "card": task.card, "clips": clips}}

    parts.work(view.desk.select(begin, parts.visit, status.outputs, **QUIET), "audition", work, outputs=[view.audition])


def _at(bench: Bench, arrangement: Arrangement, card_id: str, sigma: float) -> Arrangement:
    """With one card's shift elsewhere and everything else as it is."""
    card = next((card for card in bench.cards if card.id == card_id), None)
    if card is None:
        raise SettingsError(f"there is no card {card_id!r}; load the page again.")
    moves = {**dict(arrangement.moves), card_id: replace(arrangement.move(card), shift=sigma)}
    return arrangement.with_moves(moves, bench.cards)
