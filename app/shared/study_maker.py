"""A blind listening study that an admin makes of the takes on a page."""

from dataclasses import dataclass

import gradio as gr

from undertone.app.shared.context import Context
from undertone.app.shared.take_feedback import SignInNeededError
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import QUIET, Note
from undertone.engine import UndertoneError
from undertone.studies.build.takes import TakeSound

SIGN_IN = ("Sign in", "/sign-in?next=/results")


@dataclass(frozen=True)
class StudyMaker:
    """The widgets: a name, a button and a note."""

    name: gr.Textbox
    make: gr.Button
    note: gr.HTML


def build_study_maker() -> StudyMaker:
    """Lay the study maker out, folded away below the takes."""
    with gr.Accordion("Let others judge these takes blind", open=False, elem_id="make-study"):
        gr.HTML(
            '<p class="hint">Makes a draft listening study of the takes above, with everything that made them. '
            "Your recording, as the model says it, is kept with the study.</p>"
        )
        with gr.Row():
            name = gr.Textbox(
                label="Name of the study", placeholder="my-first-study", max_length=64, elem_id="study-name", scale=3
            )
            make = gr.Button("Make the study", elem_id="study-make", scale=1, min_width=160)
        note = gr.HTML("", elem_id="study-made")
    return StudyMaker(name, make, note)


def bind_study_maker(context: Context, visit: gr.State, maker: StudyMaker) -> None:
    """Bind the button; whoever is not signed in as an admin is told where to sign in."""

    def make(visit: Visit, name: str, request: gr.Request) -> str:
        feedback = context.feedback
        assert feedback is not None
        try:
            made = feedback.draft([TakeSound.of(take) for take in visit.takes], name, request.request)
        except SignInNeededError as error:
            return Note("warning", f"Studies are made by admins. {error}", link=SIGN_IN).html()
        except UndertoneError as error:
            return Note("problem", str(error)).html()
        return Note("good", f"{made} is a draft now. Build and open it", link=("on Results", "/results")).html()

    maker.make.click(make, [visit, maker.name], maker.note, **QUIET)
