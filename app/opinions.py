"""What a visitor may say of the takes: quick ratings of one, and a blind listening study of all of them."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.context import Context
from app.laboratory import SignInNeededError
from app.visit import Visit
from app.widgets import QUIET, Note
from engine.errors import UndertoneError
from studies.design.scales import SCALES, Scale
from studies.design.takes import TakeSound

QUICK_SCALES = ("naturalness", "meaningfulness")
SIGN_IN = ("Sign in", "/sign-in?next=/results")


@dataclass(frozen=True)
class QuickRating:
    """Two questions about one take; nothing is chosen beforehand."""

    answers: tuple[gr.Radio, ...]
    note: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [*self.answers, self.note]

    def cleared(self) -> list[Any]:
        """Updates for a new take."""
        return [*(gr.update(value=None) for _ in self.answers), ""]


def build_quick_rating(number: int) -> QuickRating:
    """Folded away below a take's player."""
    with gr.Accordion("Rate this take", open=False, elem_id=f"rate-take-{number}", elem_classes="quick-rating"):
        answers = tuple(_question(SCALES[name], f"take-{number}-{name}") for name in QUICK_SCALES)
        note = gr.HTML("", elem_id=f"take-{number}-rated")
    return QuickRating(answers, note)


def _question(scale: Scale, name: str) -> gr.Radio:
    choices = [(f"{value:g} {scale.labels[value].split(':')[0]}", value) for value in scale.values]
    return gr.Radio(choices, value=None, label=scale.title, info=scale.question, elem_id=name)


def bind_quick_rating(context: Context, visit: gr.State, rating: QuickRating, index: int) -> None:
    """Bind the rating's buttons; every answer is saved as it is given, marked as casual."""

    def save(visit: Visit, value: float, name: str, request: gr.Request) -> str:
        opinions = context.take_opinions
        if opinions is None or index >= len(visit.takes):
            return Note("warning", "This take is gone. Continue again, then rate.").html()
        try:
            opinions.rate_quickly(visit.takes[index].settings, name, value, request.session_hash)
        except UndertoneError as error:
            return Note("problem", str(error)).html()
        return Note("good", f"Saved: {SCALES[name].title.lower()} {value:g}. Quick ratings stay out of studies.").html()

    for name, answer in zip(QUICK_SCALES, rating.answers, strict=True):

        def answered(visit: Visit, value: float, request: gr.Request, name: str = name) -> str:
            return save(visit, value, name, request)

        answer.input(answered, [visit, answer], rating.note, **QUIET)


@dataclass(frozen=True)
class StudyMaker:
    """A name and a button."""

    name: gr.Textbox
    make: gr.Button
    note: gr.HTML


def build_study_maker() -> StudyMaker:
    """Folded away below the tray."""
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
    """Only for an admin: whoever is not signed in is told where to."""

    def make(visit: Visit, name: str, request: gr.Request) -> str:
        opinions = context.take_opinions
        assert opinions is not None
        try:
            made = opinions.draft([TakeSound.of(take) for take in visit.takes], name, request.request)
        except SignInNeededError as error:
            return Note("warning", f"Studies are made by admins. {error}", link=SIGN_IN).html()
        except UndertoneError as error:
            return Note("problem", str(error)).html()
        return Note("good", f"{made} is a draft now. Build and open it", link=("on Results", "/results")).html()

    maker.make.click(make, [visit, maker.name], maker.note, **QUIET)
