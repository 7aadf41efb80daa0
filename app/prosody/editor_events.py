"""The bindings of step 2: the cards, the history, the time range, and the three sounds of a card."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from undertone.app.prosody.card_words import clip_effect
from undertone.app.prosody.edit_changes import (
    add_range_edit,
    find_card,
    move_cards,
    redo,
    remove_range_edit,
    shift_card,
    undo,
)
from undertone.app.prosody.page_view import PageView
from undertone.app.prosody.range_tool import TYPED_JS, show_amount
from undertone.app.prosody.status import NOTHING, Updates
from undertone.app.prosody.tasks import (
    WAITING,
    bind_change,
    bind_render,
    bind_task,
    commit_change,
    end_task,
    render_for_task,
    report,
)
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.prosody.word_edits import edit_words
from undertone.app.shared.live_player import samples_text
from undertone.app.shared.widgets import EVERY, QUIET
from undertone.engine import UndertoneError

SIGMAS = (-2.0, 0.0, 2.0)  # what a card plays side by side


def bind_editor(view: PageView) -> None:
    """Bind sliders, history, range and the cards' three sounds."""
    _bind_sliders(view)
    _bind_history(view)
    _bind_range(view)
    _bind_words(view)
    _bind_audition(view)


def _bind_sliders(view: PageView) -> None:
    """Bind a slider that moves, which asks for a draft, and one that is let go, which asks for full quality."""
    cards = view.editor.cards

    def move(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if visit.editing is None or not take_step(visit, event):
                return NOTHING
            try:
                edit_state = move_cards(visit.editing, event.values, event.morph)
            except UndertoneError as error:
                return view.show_refusal(visit, error)
            visit.start("draft", edit_state, token=int(event.token))
            return view.status.show_busy("Draft")

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        editing, edit_state = visit.editing, task.edit_state
        if editing is None or edit_state is None:
            return
        rendering = yield from report(view, task, lambda progress: editing.draft(edit_state, progress), "Draft")
        with visit.lock:
            task.check()
            updates = view.editor.show_draft(visit, task.token, rendering) | end_task(view, visit, task, None)
        yield updates

    def let_go(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if not take_step(visit, event):
                return view.show_controls(visit) or NOTHING
            return commit_change(view, visit, lambda editing: move_cards(editing, event.values, event.morph))

    moving = cards.input(move, view.visit, view.outputs, **EVERY)
    bind_task(view, moving, "draft", work, outputs=[view.editor.draft])
    bind_render(view, cards.release(let_go, view.visit, view.outputs, **EVERY))


def take_step(visit: ProsodyVisit, event: gr.EventData) -> bool:
    """Return whether a step of the sliders is of this session and the newest, and note that it is the newest now."""
    try:
        number, sequence = int(event.session), int(event.sequence)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return False
    if visit.editing is None or number != visit.editing.number or not visit.sequence < sequence < 2**53:
        return False
    visit.sequence = sequence
    return True


def _bind_history(view: PageView) -> None:
    """Bind Undo, Redo, and the buttons that take a range edit back."""

    def remove(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        return commit_change(view, visit, lambda editing: remove_range_edit(editing, str(event.label)))

    bind_change(view, view.editor.undo.click, undo)
    bind_change(view, view.editor.redo.click, redo)
    bind_render(view, view.editor.cards.delete(remove, view.visit, view.outputs, **EVERY))


def _bind_range(view: PageView) -> None:
    """Bind the range that is dragged or typed, and the edit of it."""
    tool = view.editor.range_tool

    def show_range(event: gr.EventData) -> list[Any]:
        return [gr.skip() if event.card is None else event.card, event.start, event.end]

    bind_change(view, tool.apply.click, add_range_edit, tool.inputs)
    tool.kind.change(show_amount, tool.kind, tool.amount, **QUIET)
    view.editor.range.select(show_range, None, tool.outputs, **QUIET)
    gr.on([tool.start.change, tool.end.change], None, [tool.start, tool.end], None, js=TYPED_JS)


def _bind_words(view: PageView) -> None:
    """Bind what can be done to the words that are chosen."""

    def edit(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        if visit.editing is None or event.session != visit.editing.number:
            return NOTHING
        action, start, end = str(event.action), event.start, event.end
        return commit_change(view, visit, lambda editing: edit_words(editing, action, start, end))

    bind_render(view, view.editor.word_tool.actions.select(edit, view.visit, view.outputs, **EVERY))


def _bind_audition(view: PageView) -> None:
    """Bind the buttons that play a card at three shifts."""

    def start(visit: ProsodyVisit, event: gr.EventData) -> Updates:
        with visit.lock:
            if visit.editing is None:
                return NOTHING
            visit.start("audition", visit.editing.now, token=int(event.token), card=str(event.audition))
            return view.status.show_busy(WAITING)

    def work(visit: ProsodyVisit, task: Task) -> Iterator[Updates]:
        editing = visit.editing
        if editing is None or task.edit_state is None:
            return
        card = find_card(editing, task.card)
        clips, measured = [], []
        for sigmas in SIGMAS:
            edit_state = shift_card(editing, task.edit_state, card, sigmas)
            rendering = yield from render_for_task(
                view, task, editing, edit_state, f"Making {card.title} at {sigmas:+g} σ"
            )
            clips.append(samples_text(rendering.audio))
            measured.append(editing.measures(edit_state))
        effect = clip_effect(card.expected, measured)
        played = {"token": task.token, "card": task.card, "clips": clips, "effect": effect}
        yield end_task(view, visit, task, None) | {view.editor.audition: played}

    started = view.editor.cards.select(start, view.visit, view.status.outputs, **EVERY)
    bind_task(view, started, "audition", work, outputs=[view.editor.audition])
