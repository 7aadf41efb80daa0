"""The tab in which an admin makes, builds, opens and closes studies, withdraws data and restores backups."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from undertone.app.auth.sign_in import Admin
from undertone.app.results import actions
from undertone.app.results.access import ResultsAccess
from undertone.app.results.file_button import bind_file_button
from undertone.app.shared.widgets import AWAY, QUIET, Note, show_container
from undertone.engine import UndertoneError
from undertone.studies.design.templates import template_names, template_text

MODEL_QUEUE = "model"  # builds wait for the model like everybody else
Action = Callable[[Admin], str]


@dataclass(frozen=True)
class ManageTab:
    """The tab's state: `changed` counts the actions that were done."""

    changed: gr.State


RESTORE_HINT = (
    "The newest snapshot and everything after it, as one database file; what runs here stays as it is. Put it into an "
    "empty data folder and start the server there, or bring PostgreSQL back with <code>undertone study restore</code>."
)


def build_manage_tab(access: ResultsAccess, study: gr.Dropdown) -> ManageTab:
    """Lay the tab out and bind its buttons."""
    changed = gr.State(0)
    note = gr.HTML("", elem_id="results-done")
    outputs: list[Any] = [note, changed]

    def run_action(request: gr.Request, count: int, do: Action) -> tuple[str, int]:
        """Run an action as the admin who sent the request and return a note; a reader is refused."""
        try:
            done = do(access.require(request, "admin"))
        except UndertoneError as error:
            return Note("problem", str(error)).html(), count
        return Note("good", done).html(), count + 1

    _build_status_buttons(access, study, outputs, run_action)
    _build_files(access, study)
    _build_new(access, outputs, run_action)
    _build_care(access, study, outputs, run_action)
    return ManageTab(changed)


def _build_status_buttons(
    access: ResultsAccess, study: gr.Dropdown, outputs: list[Any], run_action: Callable[..., Any]
) -> None:
    gr.HTML('<h3 class="results-head">The chosen study</h3>')
    with gr.Row(elem_classes="results-actions"):
        build = gr.Button("Build its sounds", elem_id="results-build")
        opening = gr.Button("Open", elem_id="results-open")
        pause = gr.Button("Pause", elem_id="results-pause")
        close = gr.Button("Close …", elem_id="results-close")
    with gr.Column(elem_classes=[AWAY], elem_id="results-closing") as closing:
        question = gr.HTML("")
        with gr.Row(elem_classes="results-actions"):
            really = gr.Button("Yes, close it", variant="stop", elem_id="results-close-yes")
            keep = gr.Button("Keep it open", elem_id="results-close-no")

    def build_sounds(name: str | None, count: int, request: gr.Request, progress: Any = gr.Progress()) -> Any:
        def show(done: int, total: int, what: str) -> None:
            progress((done, total), desc=what, unit="clips")

        return run_action(request, count, lambda admin: actions.build_sounds(access, admin, chosen_study(name), show))

    def set_status_to(status: Literal["open", "paused", "closed"]) -> Callable[..., Any]:
        def change(name: str | None, count: int, request: gr.Request) -> Any:
            return run_action(
                request, count, lambda admin: actions.change_status(access, admin, chosen_study(name), status)
            )

        return change

    inputs = [study, outputs[1]]
    build.click(build_sounds, inputs, outputs, concurrency_id=MODEL_QUEUE, show_progress_on=outputs[0])
    opening.click(set_status_to("open"), inputs, outputs, **QUIET)
    pause.click(set_status_to("paused"), inputs, outputs, **QUIET)
    close.click(_close_question(access), study, [closing, question, outputs[0]], **QUIET)
    really.click(set_status_to("closed"), inputs, outputs, **QUIET).then(
        lambda: show_container(False), None, closing, **QUIET
    )
    keep.click(lambda: show_container(False), None, closing, **QUIET)
    study.change(lambda: show_container(False), None, closing, **QUIET)


def _close_question(access: ResultsAccess) -> Callable[..., Any]:
    """Return the handler that asks before a study is closed, and says what closing does."""

    def ask(name: str | None, request: gr.Request) -> Any:
        try:
            access.require(request, "admin")
            text = (
                f"Close {chosen_study(name)}? Nobody can enter any more; who has begun can finish. "
                "Opening it again is possible."
            )
        except UndertoneError as error:
            return show_container(False), "", Note("problem", str(error)).html()
        return show_container(True), Note("warning", text).html(), ""

    return ask


def _build_files(access: ResultsAccess, study: gr.Dropdown) -> None:
    with gr.Row(elem_classes="results-actions"):
        export = gr.Button("Make the export", elem_id="results-export")
    file = gr.HTML("", elem_id="results-export-file")
    bind_file_button(access, export, study, file, actions.make_export, "admin")
    study.change(lambda: "", None, file, **QUIET)  # it is of another study


def _build_new(access: ResultsAccess, outputs: list[Any], run_action: Callable[..., Any]) -> None:
    with gr.Accordion("New study", open=False, elem_id="results-new"):
        template = gr.Dropdown(template_names(), value=None, label="Begin with a template", elem_id="results-template")
        text = gr.Textbox("", lines=16, label="Study file (YAML)", elem_id="results-yaml", max_lines=40)
        save = gr.Button("Save as a draft", variant="primary", elem_id="results-save")

    def load_template(name: str | None, request: gr.Request) -> Any:
        try:
            access.require(request, "admin")
            return template_text(name) if name else gr.skip()
        except UndertoneError:
            return gr.skip()

    def save_draft(content: str, count: int, request: gr.Request) -> Any:
        return run_action(request, count, lambda admin: actions.save_draft(access, admin, content))

    template.input(load_template, template, text, **QUIET)
    save.click(save_draft, [text, outputs[1]], outputs, **QUIET)


def _build_care(access: ResultsAccess, study: gr.Dropdown, outputs: list[Any], run_action: Callable[..., Any]) -> None:
    with gr.Accordion("Withdraw a person's data", open=False, elem_id="results-withdraw-panel"):
        who = gr.Textbox("", label="Panel id, resume code, session or participant id", elem_id="results-who")
        sure = gr.Checkbox(False, label="Delete everything that this person gave. It cannot be undone.")
        withdraw = gr.Button("Withdraw", variant="stop", elem_id="results-withdraw")
    with gr.Accordion("Leave a rater out", open=False, elem_id="results-exclude-panel"):
        rater = gr.Textbox("", label="Name in the table of raters (R003), or panel id", elem_id="results-exclude-who")
        reason = gr.Textbox("", label="Reason, which the report prints", elem_id="results-exclude-reason")
        with gr.Row(elem_classes="results-actions"):
            leave_out = gr.Button("Leave out", elem_id="results-exclude")
            count_again = gr.Button("Count again", elem_id="results-include")
    with gr.Accordion("Backups", open=False, elem_id="results-backups"):
        with gr.Row(elem_classes="results-actions"):
            snapshot = gr.Button("Take a snapshot", elem_id="results-snapshot")
            restore = gr.Button("Restore into a file", elem_id="results-restore")
        gr.HTML(f'<p class="hint">{RESTORE_HINT}</p>')
        file = gr.HTML("", elem_id="results-restored")
    bind_file_button(access, restore, None, file, actions.restore_copy, "admin")

    def withdraw_rater(name: str | None, person: str, ticked: bool, count: int, request: gr.Request) -> Any:
        return run_action(
            request, count, lambda admin: actions.withdraw_rater(access, admin, chosen_study(name), person, ticked)
        )

    def take_snapshot(count: int, request: gr.Request) -> Any:
        return run_action(request, count, lambda admin: actions.take_snapshot(access, admin))

    def exclude(undo: bool) -> Callable[..., Any]:
        def do(name: str | None, person: str, why: str, count: int, request: gr.Request) -> Any:
            return run_action(
                request,
                count,
                lambda admin: actions.exclude_rater(access, admin, chosen_study(name), person, why, undo),
            )

        return do

    leave_out.click(exclude(False), [study, rater, reason, outputs[1]], outputs, **QUIET)
    count_again.click(exclude(True), [study, rater, reason, outputs[1]], outputs, **QUIET)
    withdraw.click(withdraw_rater, [study, who, sure, outputs[1]], outputs, **QUIET)
    snapshot.click(take_snapshot, outputs[1], outputs, **QUIET)


def chosen_study(name: str | None) -> str:
    """Return the name of the chosen study. Raises UndertoneError where none is chosen."""
    if not name:
        raise UndertoneError("Choose a study first.")
    return name
