"""The Results page, behind sign-in: progress, scores, raters, clips, people, plan, log and management.

Hidden buttons protect nothing, as anybody who is signed in can call every handler: each asks `ResultsAccess` who calls.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.asgi.root_path import site_path
from undertone.app.results import actions, views
from undertone.app.results.access import ResultsAccess
from undertone.app.results.clips_tab import build_clips_tab
from undertone.app.results.file_button import bind_file_button
from undertone.app.results.manage_tab import build_manage_tab
from undertone.app.results.people_tab import build_people_tab
from undertone.app.shared.widgets import QUIET, Note
from undertone.engine import UndertoneError
from undertone.studies.analysis.power import Goal

LIVE_SECONDS = 15
SIGN_OUT = '<form method="post" action="{path}"><button class="results-leave">Sign out</button></form>'
STYLE = Path(__file__).with_name("results.css")


@dataclass(frozen=True)
class Overview:
    """Widgets of the first tab, which the timer refreshes."""

    summary: gr.HTML
    cells: gr.HTML
    rules: gr.HTML
    sessions: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.summary, self.cells, self.rules, self.sessions]


def build_results_page(access: ResultsAccess, page: gr.Blocks) -> None:
    """Build everything below the page's header.

    Args:
        access: what the page works on.
        page: the open Blocks, to be mounted behind `SignIn.require_admin`.
    """
    gr.HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>", padding=False)
    gr.HTML('<div class="hero"><h1>Results</h1><p>Listening studies: progress, scores, and what was done.</p></div>')
    with gr.Row(elem_classes="results-bar"):
        study = gr.Dropdown([], label="Study", elem_id="results-study", scale=4, min_width=200)
        refresh = gr.Button("Refresh", elem_id="results-refresh", scale=1, min_width=110)
        gr.HTML(SIGN_OUT.format(path=escape(site_path("/sign-out"))), elem_id="results-sign-out", padding=False)
    problem = gr.HTML("", elem_id="results-problem")
    with gr.Tabs(elem_id="results-tabs"):
        with gr.Tab("Progress", id="progress"):
            overview = _build_overview()
        with gr.Tab("Scores", id="scores"):
            scale = gr.Radio([], label="Scale", elem_id="results-scale")
            shown = _build_scores()
            report = gr.Button("Make the report", elem_id="results-report", scale=0, min_width=180)
            report_file = gr.HTML("", elem_id="results-report-file")
            bind_file_button(access, report, study, report_file, actions.make_report, "reader")
        with gr.Tab("Raters", id="raters"):
            raters = gr.HTML("", elem_id="results-raters")
        with gr.Tab("Clips", id="clips"):
            build_clips_tab(access, study)
        with gr.Tab("People", id="people", visible=False) as people_tab:  # shown to admins; the server asks anyway
            build_people_tab(access, study)
        with gr.Tab("Plan", id="plan"):
            _build_plan(access, study, scale)
        with gr.Tab("Log", id="log"):
            log = gr.HTML("", elem_id="results-log", elem_classes="results-log")
        with gr.Tab("Manage", id="manage", visible=False) as manage_tab:  # shown to admins; the server asks anyway
            manage = build_manage_tab(access, study)

    def refresh_page(name: str | None, request: gr.Request) -> list[Any]:
        """Return the list of studies and everything live about the chosen one."""
        try:
            who = access.require(request, "reader")
            names, chosen = views.choices(access, name)
            scales = views.scale_names(access, chosen)
            first = gr.update(choices=names, value=chosen)
            return [
                first,
                gr.update(choices=scales, value=scales[0] if scales else None),
                "",
                *views.overview(access, chosen),
                views.log_view(access, chosen),
                gr.update(visible=who.role == "admin"),
                gr.update(visible=who.role == "admin"),
            ]
        except UndertoneError as error:
            return [gr.skip(), gr.skip(), Note("problem", str(error)).html(), *[gr.skip()] * 7]

    def refresh_overview(name: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Return the numbers of the overview; what is being read or chosen stays as it is."""
        try:
            access.require(request, "reader")
            return views.overview(access, name)
        except UndertoneError as error:
            return (Note("problem", str(error)).html(), gr.skip(), gr.skip(), gr.skip())

    def show_scores(name: str | None, chosen: str | None, request: gr.Request) -> list[Any]:
        """Return everything on the chosen scale."""
        try:
            access.require(request, "reader")
            return views.scale_view(access, name, chosen).outputs
        except UndertoneError as error:
            return [Note("problem", str(error)).html(), *[gr.skip()] * 9]

    everything = [study, scale, problem, *overview.outputs, log, people_tab, manage_tab]
    scored = [*shown, raters]
    slow: dict[str, Any] = {"concurrency_id": "results", "concurrency_limit": 1, "show_progress": "minimal"}
    refreshed = gr.on(
        [page.load, refresh.click, study.input, manage.changed.change], refresh_page, study, everything, **QUIET
    )
    study.change(lambda: "", None, report_file, **QUIET)  # it is of another study
    refreshed.then(show_scores, [study, scale], scored, **slow)
    scale.input(show_scores, [study, scale], scored, **slow)
    gr.Timer(LIVE_SECONDS).tick(refresh_overview, study, overview.outputs, **QUIET)


def _build_overview() -> Overview:
    summary = gr.HTML("", elem_id="results-summary")
    cells = gr.HTML("", elem_id="results-cells")
    rules = gr.HTML("", elem_id="results-rules")
    sessions = gr.HTML("", elem_id="results-sessions")
    return Overview(summary, cells, rules, sessions)


def _build_scores() -> list[Any]:
    """Return widgets in the order of `ScaleView.outputs`, without the raters."""
    note = gr.HTML("", elem_id="results-note")
    scores = gr.Plot(show_label=False, label="Mean scores with 95 % intervals", elem_id="results-scores", visible=False)
    score_table = gr.HTML("", elem_id="results-score-table")
    differences = gr.Plot(
        show_label=False, label="Differences with 95 % intervals", elem_id="results-differences", visible=False
    )
    difference_table = gr.HTML("")
    answers = gr.Plot(
        show_label=False, label="How often each answer was given", elem_id="results-answers", visible=False
    )
    agreement = gr.HTML("")
    prompts = gr.Plot(show_label=False, label="Clips by prompt", elem_id="results-prompt-figure", visible=False)
    people = gr.Plot(show_label=False, label="Raters beside others", elem_id="results-rater-figure", visible=False)
    return [note, scores, score_table, differences, difference_table, answers, agreement, prompts, people]


def _build_plan(access: ResultsAccess, study: gr.Dropdown, scale: gr.Radio) -> None:
    """Build the step that says how many raters and prompts the next study needs."""
    with gr.Row(elem_classes="results-plan"):
        half_width = gr.Number(0.1, label="Half-width wanted", minimum=0.01, maximum=2, step=0.01, min_width=140)
        systems = gr.Number(4, label="Systems", minimum=1, maximum=50, precision=0, min_width=140)
        trials = gr.Number(20, label="Clips for each rater", minimum=1, maximum=500, precision=0, min_width=140)
        goal = gr.Radio([("a mean", "mean"), ("a difference", "difference")], value="mean", label="Of", min_width=180)
    go = gr.Button("Plan", variant="primary", elem_id="results-plan")
    answer = gr.HTML("", elem_id="results-plan-answer")

    def planned(
        name: str | None, on: str | None, width: float, number: float, clips: float, of: Goal, request: gr.Request
    ) -> str:
        try:
            access.require(request, "reader")
            return views.plan_html(access, name, on, width, number, clips, of)
        except UndertoneError as error:
            return Note("problem", str(error)).html()

    go.click(planned, [study, scale, half_width, systems, trials, goal], answer, **QUIET)
