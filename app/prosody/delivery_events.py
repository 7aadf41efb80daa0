"""What step 3 does: draws of the prior, a second recording, and whose prosody and voice it is."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from undertone.app.prosody.background import reported
from undertone.app.prosody.controller import NO_BENCH, Change, PageController
from undertone.app.prosody.delivery_widgets import DRAW, NUM_DRAWS, SECOND
from undertone.app.prosody.edit_state import EditState, NotYetError
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.saved_settings import applied
from undertone.app.prosody.sound_files import heard
from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import Kind, ProsodyVisit, Task
from undertone.app.shared.live_player import HUSH_JS
from undertone.app.shared.prompt_panel import bind_prompt_panel, judge_cut
from undertone.app.shared.widgets import EVERY, Note, shown
from undertone.engine import SettingsError
from undertone.engine.prosody import (
    Cancelled,
    LatentSource,
    MorphedLatents,
    OwnLatents,
    RedrawnLatents,
    TransferredLatents,
)


def bind_delivery(controller: PageController) -> None:
    """Bind all of the widgets for other deliveries."""
    step, context = controller.delivery, controller.context
    bind_prompt_panel(step.panel, controller.visit, context.examples, context.limits, SECOND)

    def choose(visit: ProsodyVisit, whose: str, timing: str, voice: str) -> Change:
        return lambda editing: transferred(editing, whose, timing, voice)

    for widget in (step.whose, step.timing, step.voice):
        controller.render_after(widget.input, choose, [step.whose, step.timing, step.voice])
    for index, draw in enumerate(step.draws):
        controller.render_after(draw.use.click, _use_draw(index))
        draw.player.play(None, None, None, js=HUSH_JS)

    def start(kind: Kind) -> Any:
        def begin(visit: ProsodyVisit) -> Updates:
            if visit.editing is None:
                return controller.idle(visit, NO_BENCH)
            visit.start(kind, visit.editing.now)
            return controller.status.busy("Waiting for the model")

        return begin

    def draw_tray(visit: ProsodyVisit, task: Task, temperature: float) -> Iterator[Updates]:
        yield from _draw_tray(controller, visit, task, temperature)

    def use_second(visit: ProsodyVisit, task: Task, *values: Any) -> Iterator[Updates]:
        yield from _use_second(controller, visit, task, *values)

    drawing = step.draw.click(start("draw"), controller.visit, controller.status.outputs, **EVERY)
    controller.work(drawing, "draw", draw_tray, [step.temperature])
    second = step.use_second.click(start("second"), controller.visit, controller.status.outputs, **EVERY)
    panel = step.panel
    controller.work(second, "second", use_second, [panel.clip, panel.start, panel.length])


def transferred(editing: EditingSession, whose: str, timing: str, voice: str) -> EditState:
    """Return the session's arrangement with other choices.

    Raises:
        SettingsError: something that there is not.
    """
    now = editing.now
    morph: LatentSource = MorphedLatents(
        amount=0.5 if now.morph is None else now.morph, timing="between" if timing == "between" else "first"
    )
    latents: LatentSource = {
        "own": OwnLatents(),
        "redrawn": now.latents,
        "transferred": TransferredLatents(),
        "morphed": morph,
    }.get(whose, now.latents)
    needed = voice == "other" or isinstance(latents, TransferredLatents | MorphedLatents)
    if needed and not editing.others:
        raise NotYetError("choose a second recording and press Use it first.")
    return replace(
        now,
        latents=latents,
        other=len(editing.others) - 1 if needed else None,
        other_voice=voice == "other",
    )


def _use_draw(index: int) -> Any:
    def change(visit: ProsodyVisit) -> Change:
        def use(editing: EditingSession) -> EditState:
            if editing.take_cards is None:
                raise NotYetError("there are no draws of this recording; press Draw first.")
            latents = editing.take_cards.model_copy(update={"index": index})
            return replace(editing.now, latents=latents, other=editing.now.other if editing.now.other_voice else None)

        return use

    return change


def _draw_tray(controller: PageController, visit: ProsodyVisit, task: Task, temperature: float) -> Iterator[Updates]:
    """Yield all draws at once, then the sound of each; everything else is as the sliders stand."""
    editing, engine = visit.editing, controller.context.engine
    if editing is None:
        return
    if not 0 <= temperature <= 2:
        raise SettingsError(f"latent temperature is {temperature}; expected 0 to 2.")
    take_cards = RedrawnLatents(seed=secrets.randbelow(900_000), latent_temperature=temperature, num_draws=NUM_DRAWS)
    drawing = reported(task.run, lambda progress: editing.draw(engine, take_cards, progress))
    yield from controller.progress(drawing, f"Drawing {NUM_DRAWS} ways to say it")
    editing.take_cards = take_cards
    now = task.edit_state or editing.now
    for index, place in enumerate(controller.delivery.draws):
        latents = take_cards.model_copy(update={"index": index})
        wanted = replace(now, latents=latents, other=now.other if now.other_voice else None)
        rendering = yield from controller.make(task, editing, wanted, f"Speaking draw {index + 1} of {NUM_DRAWS}")
        yield {place.box: shown(True, DRAW), place.player: str(heard(visit, rendering.audio))}
    yield controller.done(
        visit,
        task,
        Note("good", f"{NUM_DRAWS} draws with seed {take_cards.seed}. Use one, and its cards move on from it."),
    )


def _use_second(
    controller: PageController, visit: ProsodyVisit, task: Task, path: str | None, start: float, length: float
) -> Iterator[Updates]:
    """Analyse the second recording; saved settings that waited for it are laid out."""
    editing, engine = visit.editing, controller.context.engine
    if editing is None:
        return
    visit.second.ensure_loaded(path)
    limits = controller.context.limits
    note = judge_cut(start, length, visit.second, limits, SECOND)
    if note.tone == "problem" or visit.second.clip is None:
        missing = Note("warning", "Choose a second recording first.")
        yield controller.done(visit, task, note if note.tone == "problem" else missing)
        return
    yield controller.status.progress("Listening to the second recording")
    speech = engine.analyse_prompt(visit.second.prompt(start, start + length, limits))
    with visit.lock:
        if task.run.stop.is_set():
            raise Cancelled
        editing.others.append(Original("The second recording", speech))
        complete = visit.wanted is not None and applied(editing, visit.wanted) is None
        wanted = editing.now
    if not complete:
        note = Note("good", "The second recording is there. Choose above whose prosody and whose voice it shall be.")
        yield controller.delivery.show(editing) | controller.done(visit, task, note)
        return
    yield from controller.make(task, editing, wanted, "Speaking")
    visit.wanted = None
    yield from controller.show(visit, task, editing, wanted, Note("good", "These are the saved settings again."))
