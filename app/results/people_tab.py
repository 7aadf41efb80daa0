"""The tab in which an admin lists who took part, checks completion codes and downloads the list."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from undertone.app.auth.sign_in import Admin
from undertone.app.results import actions, tables
from undertone.app.results.access import ResultsAccess
from undertone.app.results.file_button import bind_file_button
from undertone.app.results.manage_tab import chosen_study
from undertone.app.shared.widgets import QUIET, Note
from undertone.engine import UndertoneError
from undertone.studies.analysis.people import check_code, people_of

HINT = (
    "Personal data, for paying people: it is kept apart from ratings, report and export, and shown to admins only. "
    "Delete it when everybody is paid."
)


def build_people_tab(access: ResultsAccess, study: gr.Dropdown) -> None:
    """Lay the tab out and bind its buttons."""
    gr.HTML(f'<p class="hint">{HINT}</p>')
    with gr.Row(elem_classes="results-actions"):
        code = gr.Textbox("", label="Completion code or panel id", elem_id="results-code", scale=3, min_width=200)
        check = gr.Button("Check", elem_id="results-check", scale=1, min_width=110)
    checked = gr.HTML("", elem_id="results-checked")
    with gr.Row(elem_classes="results-actions"):
        show = gr.Button("Show everybody", elem_id="results-show-people")
        take = gr.Button("Make the list", elem_id="results-take-people")
    file = gr.HTML("", elem_id="results-people-file")
    listed = gr.HTML("", elem_id="results-people")
    with gr.Accordion("Forget who took part", open=False, elem_id="results-forget-panel"):
        sure = gr.Checkbox(
            False, label="Delete panel ids, codes and questionnaires of this closed study. Ratings stay."
        )
        forget = gr.Button("Forget", variant="stop", elem_id="results-forget")
    forgotten = gr.HTML("", elem_id="results-forgotten")

    def respond(request: gr.Request, answer: Callable[[Admin], str]) -> str:
        try:
            return answer(access.require(request, "admin"))
        except UndertoneError as error:
            return Note("problem", str(error)).html()

    def check_completion(name: str | None, typed: str, request: gr.Request) -> str:
        return respond(
            request, lambda _: tables.people_table(check_code(access.db, chosen_study(name), typed), typed.strip())
        )

    def show_everybody(name: str | None, request: gr.Request) -> str:
        return respond(request, lambda _: _everybody(access, chosen_study(name)))

    def forget_everybody(name: str | None, ticked: bool, request: gr.Request) -> str:
        def done(admin: Admin) -> str:
            return Note("good", actions.forget_raters(access, admin, chosen_study(name), ticked)).html()

        return respond(request, done)

    gr.on([check.click, code.submit], check_completion, [study, code], checked, **QUIET)
    show.click(show_everybody, study, listed, **QUIET)
    forget.click(forget_everybody, [study, sure], forgotten, **QUIET)
    bind_file_button(access, take, study, file, actions.make_people, "admin")
    results: list[Any] = [checked, listed, file, forgotten]
    study.change(lambda: [""] * len(results), None, results, **QUIET)  # they are of another study


def _everybody(access: ResultsAccess, name: str) -> str:
    found = people_of(access.db, name)
    if not found:
        return Note("quiet", "Nobody has taken part yet.").html()
    return tables.people_table(found, f"Everybody who took part in {name}") + tables.questionnaires_table(found)
