"""The bindings of step 4: the blind comparison, a continuation of the edited speech, and a study of several of them."""

from collections.abc import Iterator

from undertone.app.prosody.output_widgets import version_sounds
from undertone.app.prosody.page_view import PageView
from undertone.app.prosody.status import Updates
from undertone.app.prosody.tasks import bind_button, end_task, report
from undertone.app.prosody.visit import ProsodyVisit, Task
from undertone.app.shared.blind_comparison import bind_blind_comparison
from undertone.app.shared.live_player import PAUSE_JS
from undertone.app.shared.study_maker import bind_study_maker
from undertone.app.shared.widgets import Note


def bind_output(view: PageView) -> None:
    """Bind all widgets of the step."""
    output = view.output
    bind_blind_comparison(output.blind, view.visit, version_sounds)
    output.player.play(None, None, None, js=PAUSE_JS)
    if output.study is not None:
        bind_study_maker(view.context, view.visit, output.study)

    def work(visit: ProsodyVisit, task: Task, seconds: float) -> Iterator[Updates]:
        yield from continue_edited(view, visit, task, seconds)

    bind_button(view, output.go, "continue", work, [output.seconds])


def continue_edited(view: PageView, visit: ProsodyVisit, task: Task, seconds: float) -> Iterator[Updates]:
    """Yield a continuation of what the page shows, in the session's sampling and seed."""
    editing, edit_state = visit.editing, task.edit_state
    if editing is None or edit_state is None:
        return
    take = yield from report(
        view, task, lambda progress: editing.continue_from(edit_state, seconds, progress), "Continuing"
    )
    visit.add_take(take)
    made_seconds = len(take.continuation_audio) / view.context.engine.sample_rate_hz
    note = Note("good", f"{made_seconds:.1f} s follow the edited speech.", link=("Listen below", "#continued"))
    yield view.output.show_continued(visit) | end_task(view, visit, task, note)
