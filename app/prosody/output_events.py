"""What step 4 does: the blind comparison, a continuation of the edited speech, and a study of several of them."""

from collections.abc import Iterator

from undertone.app.prosody.background import reported
from undertone.app.prosody.controller import NO_BENCH, PageController
from undertone.app.prosody.output_widgets import version_sounds
from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.shared.blind_comparison import bind_blind_comparison
from undertone.app.shared.live_player import HUSH_JS
from undertone.app.shared.study_maker import bind_study_maker
from undertone.app.shared.widgets import EVERY, Note
from undertone.engine import CallProgress
from undertone.engine.prosody import EditedTake, continue_from_edited


def bind_output(controller: PageController) -> None:
    """Bind all widgets of the output step."""
    output = controller.output
    bind_blind_comparison(output.blind, controller.visit, version_sounds)
    output.player.play(None, None, None, js=HUSH_JS)
    if output.study is not None:
        bind_study_maker(controller.context, controller.visit, output.study)

    def begin(visit: ProsodyVisit) -> Updates:
        if visit.editing is None:
            return controller.idle(visit, NO_BENCH)
        visit.start("continue", visit.editing.now)
        return controller.status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task, seconds: float) -> Iterator[Updates]:
        yield from go_on(controller, visit, task, seconds)

    begun = output.go.click(begin, controller.visit, controller.status.outputs, **EVERY)
    controller.work(begun, "continue", work, [output.seconds])


def go_on(controller: PageController, visit: ProsodyVisit, task: Task, seconds: float) -> Iterator[Updates]:
    """Yield a continuation of what the page shows, in the session's sampling and seed."""
    editing, engine = visit.editing, controller.context.engine
    if editing is None or task.edit_state is None:
        return
    edit_state = task.edit_state
    other = editing.other(edit_state)

    def make(progress: CallProgress) -> EditedTake:
        return continue_from_edited(
            engine,
            editing.original.source,
            edit_state.edit(editing.cards),
            seconds,
            editing.sampling,
            editing.seed,
            utterance=other.speech.utterance if edit_state.other_voice and other is not None else None,
            latents=edit_state.latents,
            other=None if other is None else other.source,
            statistics=editing.statistics,
            progress=progress,
        )

    take = yield from controller.progress(reported(task.run, make), "Going on")
    visit.keep(take)
    made = len(take.continuation_audio) / engine.sample_rate_hz
    note = Note("good", f"{made:.1f} s follow the edited speech.", link=("Listen below", "#continued"))
    yield controller.output.show_continued(visit) | controller.done(visit, task, note)
