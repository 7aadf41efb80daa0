"""The earlier runs of a visit: kept, shown again, and compared with each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from undertone.app.shared.visitor import MOST_RUN_BYTES, MOST_RUNS, FinishedRun, Visit
from undertone.app.shared.widgets import AWAY, show_container

KEPT = "kept-runs"
KEPT_NOTE = (
    f"The last {MOST_RUNS} runs are kept while this page is open, up to {MOST_RUN_BYTES // 1_000_000} MB; "
    "older ones go first, and all of them go when you leave. Below, any two of their takes can be compared."
)


@dataclass(frozen=True)
class KeptRuns:
    """The widgets: the choice of the run whose takes are shown."""

    box: gr.Column
    choice: gr.Radio

    @property
    def outputs(self) -> list[Any]:
        return [self.box, self.choice]


def build_kept_runs() -> KeptRuns:
    """Lay the choice out; hidden until there are two runs."""
    with gr.Column(elem_classes=[KEPT, AWAY], elem_id="kept-runs") as box:
        choice = gr.Radio([("Run 1", 1)], value=1, label="Runs of this visit", elem_id="run-choice")
        gr.HTML(f'<p class="hint">{escape(KEPT_NOTE)}</p>')
    return KeptRuns(box, choice)


def show_kept_runs(visit: Visit) -> list[Any]:
    """Return one update for each of `KeptRuns.outputs`."""
    choices = [(_label(run), run.number) for run in visit.runs]
    number = visit.shown.number if visit.shown is not None else None
    return [show_container(len(visit.runs) > 1, KEPT), gr.update(choices=choices, value=number)]


def bind_kept_runs(runs: KeptRuns, visit: gr.State, outputs: list[Any], show: Callable[[Visit], list[Any]]) -> None:
    """Bind the choice: the run's takes and figure come back.

    Args:
        outputs: what `show` updates, with the choice among them: an answer always agrees with itself.
    """

    def choose(number: int, visit: Visit) -> list[Any]:
        visit.show_run(number)  # where it has gone, what is shown stays, and the choice says so
        shown = visit.shown
        if shown is None:
            return [gr.skip()] * len(outputs)
        updates = show(visit)
        # A run that finished meanwhile has shown itself; what was asked for before is out of date.
        return updates if visit.shown is shown else [gr.skip()] * len(outputs)

    # While an answer is on its way the last press waits for it: after any number of presses the last one is shown.
    runs.choice.input(
        choose, [runs.choice, visit], outputs, queue=False, show_progress="hidden", trigger_mode="always_last"
    )


def kept_takes(visit: Visit) -> Iterator[tuple[FinishedRun, int, str]]:
    """Yield run, index and name of every take that is kept, the oldest first."""
    for run in visit.runs:
        prefix = f"run {run.number}, " if len(visit.runs) > 1 else ""
        for index in range(len(run.takes)):
            name = run.name_of(index)
            yield run, index, f"{prefix}{name if run.systems else name.lower()}"


def _label(run: FinishedRun) -> str:
    settings, count = run.takes[0].settings, len(run.takes)
    if run.systems:
        return f"Run {run.number}: {', '.join(run.systems)}, seed {settings.seed}"
    return f"Run {run.number}: {count} take{'s' if count > 1 else ''}, seed {settings.seed}"
