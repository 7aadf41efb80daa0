"""Content of the Results page for one study, as HTML and figures."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

import gradio as gr
from sqlalchemy import func, select

from undertone.app.results import plots, tables
from undertone.app.results.access import ResultsAccess
from undertone.app.shared.plot_data import to_plot
from undertone.app.shared.widgets import Note
from undertone.engine import UndertoneError
from undertone.studies.analysis.anonymise import anonymous_names
from undertone.studies.analysis.finding import finding_sentence
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.power import TYPICAL, Goal, plan_power
from undertone.studies.analysis.progress import audit_log, study_progress
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import analyse_scale
from undertone.studies.analysis.scale_results import ScaleResults
from undertone.studies.store import Database
from undertone.studies.store.studies import study_names
from undertone.studies.store.tables import Event

SHOWN = 8  # analyses kept in memory
SCORES_HINT = (
    '<p class="hint">Dot: mean. Thin line: 95 % interval over raters and prompts, the one to report. '
    "Thick: 1.96 sd/√n, as older papers print it; too narrow.</p>"
)
PROMPTS_HEAD = (
    '<h3 class="results-head">Prompts and raters</h3><p class="hint">First figure: each dot is a clip, across the mean '
    "of its prompt, up its own. Second: each dot is a rater, across what others gave the same clips, up their own "
    "mean; who is harsh lies below the diagonal.</p>"
)
ANSWERS_HEAD = '<h3 class="results-head">Answers</h3>'


@dataclass(frozen=True)
class ScaleView:
    """Results on one scale as the page shows them."""

    note: str
    scores: Any
    score_table: str
    differences: Any
    difference_table: str
    answers: Any
    agreement: str
    prompts: Any
    people: Any
    raters: str

    @property
    def outputs(self) -> list[Any]:
        """Return the widgets in their order; a plot without anything to draw leaves no empty box."""
        return [
            self.note,
            _plot_update(self.scores),
            self.score_table,
            _plot_update(self.differences),
            self.difference_table,
            _plot_update(self.answers),
            self.agreement,
            _plot_update(self.prompts),
            _plot_update(self.people),
            self.raters,
        ]


def choices(access: ResultsAccess, chosen: str | None) -> tuple[list[str], str | None]:
    """Return the names of all studies, the newest first, and which of them to show."""
    names = study_names(access.db)[::-1]
    return names, chosen if chosen in names else (names[0] if names else None)


def overview(access: ResultsAccess, name: str | None) -> tuple[str, str, str, str]:
    """Return overview, cells, rules and sessions, as they are now."""
    if not name:
        return '<p class="note note-quiet">There is no study yet. An admin makes one under “Manage”.</p>', "", "", ""
    seen = study_progress(access.db, name)
    return (
        tables.overview_table(seen),
        tables.cells_table(seen.cells),
        tables.rules_table(seen),
        tables.sessions_table(seen),
    )


def scale_names(access: ResultsAccess, name: str | None) -> list[str]:
    """Return the scales of a study, in its order."""
    return load_study(access.db, name).scales if name else []


def scale_view(access: ResultsAccess, name: str | None, scale: str | None) -> ScaleView:
    """Return the results on one scale, or a note where there are none yet."""
    if not name or not scale:
        return _empty_view("No study is chosen.")
    try:
        data, found = _analyse(access.db, name, scale, _fingerprint(access.db, name))
    except UndertoneError as error:
        return _empty_view(str(error))
    pairs = found.comparison.pairs and not found.preferences
    single, names = not found.ranking and not found.preferences, anonymous_names(data)
    return ScaleView(
        note=Note("quiet", finding_sentence(found)).html()
        + "".join(Note("warning", one).html() for one in found.notes),
        scores=to_plot(plots.score_figure(data, found)),
        score_table=SCORES_HINT + tables.scores_table(found, data.published(scale), data.published_source),
        differences=to_plot(plots.difference_figure(found)) if pairs else None,
        difference_table=tables.differences_table(found) + ANSWERS_HEAD,
        answers=to_plot(plots.answer_figure(found)),
        agreement=tables.agreement_table(found) + (PROMPTS_HEAD if single else ""),
        prompts=to_plot(plots.prompt_figure(data, found)) if single else None,
        people=to_plot(plots.rater_figure(data, found, names)) if single else None,
        raters=tables.raters_table(found, names),
    )


def log_view(access: ResultsAccess, name: str | None) -> str:
    """Return the audit log of a study and of the installation."""
    return tables.log_table(audit_log(access.db, name))


def plan_html(
    access: ResultsAccess,
    name: str | None,
    scale: str | None,
    half_width: float,
    systems: float,
    trials: float,
    goal: Goal,
) -> str:
    """Return the studies that reach a half-width, planned with this study's variance components where it has any."""
    components, source = TYPICAL, "typical values of crowd studies, as this study has too few ratings"
    if name and scale:
        try:
            found = _analyse(access.db, name, scale, _fingerprint(access.db, name))[1]
        except UndertoneError:
            found = None
        if found is not None and found.components is not None:
            components, source = found.components, f"the variance components of {name} on {scale}"
    try:
        result = plan_power(components, float(half_width or 0), int(systems or 0), int(trials or 0), goal)
    except UndertoneError as error:
        return Note("problem", str(error)).html()
    return tables.plan_table(result) + f'<p class="hint">Planned with {escape(source)}.</p>'


def _fingerprint(db: Database, name: str) -> tuple[str, int, int, datetime | None, int | None]:
    """Return a key that changes with every answer, verdict, step of an admin, and the status, which hides tests."""
    progress = study_progress(db, name)
    status = progress.status
    with db.reading() as transaction:
        steps = transaction.scalar(select(func.max(Event.id)).where(Event.actor == "admin"))
    return status.status, status.collected, sum(status.sessions.values()), progress.last_rating_at, steps


@lru_cache(maxsize=SHOWN)
def _analyse(db: Database, name: str, scale: str, _: Any) -> tuple[StudyData, ScaleResults]:
    """Return a study and its results on a scale, without the mixed model, which takes long and is in the report."""
    data = load_study(db, name)
    return data, analyse_scale(data, scale, largest_mixed=0)


def _plot_update(plot: Any) -> Any:
    return gr.update(value=plot, visible=plot is not None)


def _empty_view(reason: str) -> ScaleView:
    return ScaleView(Note("quiet", reason).html(), None, "", None, "", None, "", None, None, "")
