"""The bindings of step 3: draws of the prior, a second recording, and whose prosody and voice it is."""

import functools
from collections.abc import Iterator

from undertone.app.prosody.delivery_widgets import NUM_DRAWS, SECOND
from undertone.app.prosody.edit_changes import choose_delivery, choose_draw
from undertone.app.prosody.editing_session import Original
from undertone.app.prosody.page_view import PageView
from undertone.app.prosody.saved_settings import restore_edit
from undertone.app.prosody.status import Updates
from undertone.app.prosody.tasks import bind_button, bind_change, end_task, render_for_task, report, show_rendering
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.shared.live_player import PAUSE_JS
from undertone.app.shared.prompt_panel import bind_prompt_panel, judge_cut
from undertone.app.shared.widgets import Note


def bind_delivery(view: PageView) -> None:
    """Bind all widgets of the step."""
    step, panel, context = view.delivery, view.delivery.panel, view.context
    bind_prompt_panel(panel, view.visit, context.examples, context.limits, SECOND)
    for widget in (step.whose, step.timing, step.voice):
        bind_change(view, widget.input, choose_delivery, [step.whose, step.timing, step.voice])
    for index, draw in enumerate(step.draws):
        bind_change(view, draw.use.click, functools.partial(choose_draw, index=index))
        draw.player.play(None, None, None, js=PAUSE_JS)

    def work_on_draws(visit: ProsodyVisit, task: Task, temperature: float) -> Iterator[Updates]:
        yield from draw_deliveries(view, visit, task, temperature)

    def work_on_second(
        visit: ProsodyVisit, task: Task, path: str | None, start: float, length: float
    ) -> Iterator[Updates]:
        yield from analyse_second(view, visit, task, path, start, length)

    bind_button(view, step.draw, "draw", work_on_draws, [step.temperature])
    bind_button(view, step.use_second, "second", work_on_second, [panel.clip, panel.start, panel.length])


def draw_deliveries(view: PageView, visit: ProsodyVisit, task: Task, temperature: float) -> Iterator[Updates]:
    """Draw latents from the prior, all at once, then yield the sound of each; all else is as the sliders stand."""
    editing, edit_state = visit.editing, task.edit_state
    if editing is None or edit_state is None:
        return
    draw = yield from report(
        view,
        task,
        lambda progress: editing.draw_anew(temperature, NUM_DRAWS, progress),
        f"Drawing {NUM_DRAWS} ways to say it",
    )
    for index, place in enumerate(view.delivery.draws):
        text = f"Speaking draw {index + 1} of {NUM_DRAWS}"
        rendering = yield from render_for_task(view, task, editing, edit_state.with_draw(draw, index), text)
        yield place.show(visit.write_playback(rendering.audio))
    note = Note("good", f"{NUM_DRAWS} draws with seed {draw.seed}. Use one, and its cards move on from it.")
    yield end_task(view, visit, task, note)


def analyse_second(
    view: PageView, visit: ProsodyVisit, task: Task, path: str | None, start: float, length: float
) -> Iterator[Updates]:
    """Analyse the second recording; saved settings that waited for it are restored."""
    editing, limits = visit.editing, view.context.limits
    if editing is None:
        return
    visit.second.ensure_loaded(path)
    note = judge_cut(start, length, visit.second, limits, SECOND)
    if note.tone == "problem" or visit.second.clip is None:
        missing = Note("warning", "Choose a second recording first.")
        yield end_task(view, visit, task, note if note.tone == "problem" else missing)
        return
    yield view.status.show_progress("Listening to the second recording")
    speech = view.context.engine.analyse_prompt(visit.second.prompt(start, start + length, limits))
    with visit.lock:
        task.check()
        editing.others.append(Original("The second recording", speech))
        is_complete = visit.saved_settings is not None and restore_edit(editing, visit.saved_settings) is None
        edit_state = editing.now
    if not is_complete:
        note = Note("good", "The second recording is there. Choose above whose prosody and whose voice it shall be.")
        yield view.delivery.show(editing) | end_task(view, visit, task, note)
        return
    yield from render_for_task(view, task, editing, edit_state)
    visit.saved_settings = None
    yield from show_rendering(
        view, visit, task, editing, edit_state, Note("good", "These are the saved settings again.")
    )
