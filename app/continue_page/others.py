"""Other systems go on from the prompt of a take: the same prompt, settings and seed."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from undertone.app.continue_page.controls import MAX_TAKES
from undertone.app.continue_page.generation import GenerationProgress, continue_prompt
from undertone.app.shared.compared_systems import ComparedSystem
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.visitor import FinishedRun, Run, Visit

MOST_OTHERS = MAX_TAKES - 1  # beside the voice's own take


def compared(context: Context) -> tuple[ComparedSystem, ...]:
    """Return the systems for which the page has a place."""
    return context.others[:MOST_OTHERS]


def build_others(context: Context) -> gr.Button | None:
    """Lay the button out; None where the voice is the only system."""
    names = [system.name for system in compared(context)]
    if not names:
        return None
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    button = gr.Button("Hear the others go on from this prompt", size="sm", elem_id="others")
    gr.HTML(
        f'<p class="hint">{escape(listed)} go on from the prompt of take 1, with its seed and settings: other systems '
        "of the paper, with this voice's tokenizer and vocoder, trained for as many steps as each other. With take 1 "
        "they are a run of their own, to be compared blind below.</p>"
    )
    return button


def show_others(visit: Visit) -> Any:
    """Return the update of the button: it is for takes of the voice whose prompt is still here."""
    run = visit.shown
    return gr.update(interactive=run is not None and not run.systems and run.prompt is not None)


def others_go_on(context: Context, shown: FinishedRun, run: Run) -> Iterator[GenerationProgress]:
    """Yield how far the systems are; the last report has the take of the voice and then one of each of them.

    It ends without takes when `run.stop` is set.

    Args:
        shown: the run whose first take is compared.
    Raises:
        BundleError: a system cannot be loaded.
    """
    first, prompt, systems = shown.takes[0], shown.prompt, compared(context)
    assert prompt is not None
    settings = ContinuationSettings(
        first.settings.seconds, 1, first.settings.seed + first.settings.index, first.settings.sampling
    )
    takes = [first]
    for number, system in enumerate(systems):
        yield GenerationProgress(f"{system.name}: listening to the prompt", number / len(systems))
        for progress in continue_prompt(system.engine(), prompt, settings, run, Broadcast()):
            if progress.takes:
                takes += progress.takes
            elif progress.fraction is not None:
                yield GenerationProgress(f"{system.name}: speaking", (number + progress.fraction) / len(systems))
        if len(takes) != number + 2:  # it was stopped
            return
    yield GenerationProgress("Done", 1.0, tuple(takes))
