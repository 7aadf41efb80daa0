"""The tab with the clips of a study: every system of a prompt, and the clips of training and traps."""

from html import escape

import gradio as gr
from sqlalchemy import select

from undertone.app.asgi.root_path import site_path
from undertone.app.results.access import ResultsAccess
from undertone.app.results.routes import CLIP
from undertone.app.shared.widgets import QUIET, Note
from undertone.engine import UndertoneError
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Prompt, Stimulus, System

OTHERS = "Training, traps and checks"


def build_clips_tab(access: ResultsAccess, study: gr.Dropdown) -> None:
    """Lay the tab out and bind it to the chosen study."""
    prompt = gr.Dropdown([], label="Prompt", elem_id="results-prompt")
    heard = gr.HTML("", elem_id="results-clips")

    def prompts(name: str | None, request: gr.Request) -> list[object]:
        try:
            access.require(request, "reader")
            names = prompt_names(access, name)
            first = names[0] if names else None
            return [gr.update(choices=names, value=first), clips_html(access, name, first)]
        except UndertoneError as error:
            return [gr.skip(), Note("problem", str(error)).html()]

    def clips(name: str | None, chosen: str | None, request: gr.Request) -> str:
        try:
            access.require(request, "reader")
            return clips_html(access, name, chosen)
        except UndertoneError as error:
            return Note("problem", str(error)).html()

    study.change(prompts, study, [prompt, heard], **QUIET)
    prompt.input(clips, [study, prompt], heard, **QUIET)


def prompt_names(access: ResultsAccess, name: str | None) -> list[str]:
    """Return the prompts of a study, and last what belongs to none where there is such."""
    if not name:
        return []
    with access.db.reading() as transaction:
        study = find_study(transaction, name)
        names = list(transaction.scalars(select(Prompt.name).where(Prompt.study_id == study.id).order_by(Prompt.name)))
        query = select(Stimulus.id).where(Stimulus.study_id == study.id, Stimulus.prompt_id.is_(None)).limit(1)
        return [*names, OTHERS] if transaction.scalar(query) else names


def clips_html(access: ResultsAccess, name: str | None, prompt: str | None) -> str:
    """Return a list of players, one for each clip of a prompt."""
    if not name or not prompt:
        return Note("quiet", "There are no clips yet. Build the study's sounds first.").html()
    with access.db.reading() as transaction:
        study = find_study(transaction, name)
        query = (
            select(Stimulus, System.name)
            .outerjoin(System, System.id == Stimulus.system_id)
            .outerjoin(Prompt, Prompt.id == Stimulus.prompt_id)
            .where(Stimulus.study_id == study.id)
            .where(Stimulus.prompt_id.is_(None) if prompt == OTHERS else Prompt.name == prompt)
            .order_by(System.position, Stimulus.kind, Stimulus.id)
        )
        rows = [_clip(stimulus, system or stimulus.kind) for stimulus, system in transaction.execute(query)]
    return f'<ul class="results-clips">{"".join(rows)}</ul>'


def _clip(stimulus: Stimulus, title: str) -> str:
    seconds = f"{stimulus.seconds:.1f} s"
    return (
        f'<li><span><b>{escape(title)}</b> {seconds}</span><audio controls preload="none" '
        f'aria-label="{escape(title)}, {seconds}" src="{site_path(CLIP)}/{escape(stimulus.id)}"></audio></li>'
    )
