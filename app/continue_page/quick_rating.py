"""Quick ratings of a take on the Continue page: two questions, kept apart from the ratings of studies."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from undertone.app.shared.context import Context
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import QUIET, Note
from undertone.engine import UndertoneError
from undertone.studies.design.scales import SCALES, Scale

QUICK_SCALES = ("naturalness", "meaningfulness")


@dataclass(frozen=True)
class QuickRating:
    """Two questions about one take; nothing is chosen beforehand."""

    answers: tuple[gr.Radio, ...]
    note: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [*self.answers, self.note]

    def clear(self) -> list[Any]:
        """Return the updates for a new take: nothing is chosen."""
        return [*(gr.update(value=None) for _ in self.answers), ""]


def build_quick_rating(number: int) -> QuickRating:
    """Lay the rating out, folded away below a take's player."""
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
        feedback = context.feedback
        if feedback is None or index >= len(visit.takes):
            return Note("warning", "This take is gone. Continue again, then rate.").html()
        try:
            feedback.rate_quickly(visit.takes[index].settings, name, value, request.session_hash)
        except UndertoneError as error:
            return Note("problem", str(error)).html()
        return Note("good", f"Saved: {SCALES[name].title.lower()} {value:g}. Quick ratings stay out of studies.").html()

    for name, answer in zip(QUICK_SCALES, rating.answers, strict=True):

        def save_answer(visit: Visit, value: float, request: gr.Request, name: str = name) -> str:
            return save(visit, value, name, request)

        answer.input(save_answer, [visit, answer], rating.note, **QUIET)
