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
from undertone.engine.prosody import CallProgress, EditedTake, continue_from_edited


def bind_output(parts: PageController) -> None:
    """Bind all widgets of the output step."""
    keeping = parts.keeping
    bind_blind_comparison(keeping.blind, parts.visit, version_sounds)
    keeping.player.play(None, None, None, js=HUSH_JS)
    if keeping.study is not None:
        bind_study_maker(parts.context, parts.visit, keeping.study)

    def begin(visit: ProsodyVisit) -> Updates:
        if visit.bench is None:
            return parts.idle(visit, NO_BENCH)
        visit.start("continue", visit.bench.now)
        return parts.status.busy("Waiting for the model")

    def work(visit: ProsodyVisit, task: Task, seconds: float) -> Iterator[Updates]:
        yield from go_on(parts, visit, task, seconds)

    begun = keeping.go.click(begin, parts.visit, parts.status.outputs, **EVERY)
    parts.work(begun, "continue", work, [keeping.seconds])


def go_on(parts: PageController, visit: ProsodyVisit, task: Task, seconds: float) -> Iterator[Updates]:
    """Yield a continuation of what the page shows, in the session's sampling and seed."""
    bench, engine = visit.bench, parts.context.engine
    if bench is None or task.arrangement is None:
        return
    arrangement = task.arrangement
    other = bench.other(arrangement)

    def make(watch: CallProgress) -> EditedTake:
        return continue_from_edited(
            engine,
            bench.original.source,
            arrangement.edit(bench.cards),
            seconds,
            bench.sampling,
            bench.seed,
            utterance=other.speech.utterance if arrangement.other_voice and other is not None else None,
            latents=arrangement.latents,
            other=None if other is None else other.source,
            statistics=bench.statistics,
            watch=watch,
        )

    take = yield from parts.progress(reported(task.run, make), "Going on")
    visit.keep(take)
    made = len(take.continuation_audio) / engine.sample_rate_hz
    note = Note("good", f"{made:.1f} s follow the edited speech.", link=("Listen below", "#continued"))
    yield parts.keeping.show_continued(visit) | parts.done(visit, task, note)
