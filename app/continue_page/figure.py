"""The figure of a take, with the pitch and energy measured on its sound, and its link to the Prosody page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from undertone.app.asgi.root_path import site_path
from undertone.app.shared.context import Context
from undertone.app.shared.plots import Picture, figure_json, utterance_figure
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import scripted_html, step_heading
from undertone.app.shared.words_line import timed_words
from undertone.engine import Take
from undertone.engine.audio.acoustics import energy_db, pitch
from undertone.engine.config import FRAME_RATE_HZ

PROSODY_NOTE = "Move its pitch, loudness and rhythm there, and hear what changes."
PLOT_LABEL = "Waveform, mel spectrogram, pitch, energy, tokens and latents"


@dataclass(frozen=True)
class FigurePanel:
    """The widgets of the figure of one take."""

    section: gr.Column
    choice: gr.Radio
    plot: gr.Plot
    prosody: gr.Button
    playhead: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.section, self.choice, *self.shown]

    @property
    def shown(self) -> list[Any]:
        """Return the widgets that another take changes."""
        return [self.plot, self.prosody, self.playhead]


def picture_of(take: Take, unit_names: Sequence[str], words: Sequence[tuple[str, float, float]] = ()) -> Picture:
    """Return the arrays of the whole take, prompt and continuation.

    Args:
        words: text, start and end in seconds.
    """
    audio = take.audio.detach().float().cpu()
    speech = take.speech
    return Picture(
        audio=audio.numpy(),
        mel=speech.mel.detach().float().cpu().numpy(),
        tokens=speech.tokens.cpu().numpy(),
        latents=speech.latents.detach().float().cpu().numpy(),
        pitch_hz=pitch(audio).hz.numpy(),
        energy_db=energy_db(audio).numpy(),
        prompt_seconds=take.prompt_frames / FRAME_RATE_HZ,
        unit_names=unit_names,
        words=words,
    )


def take_plot(context: Context, visit: Visit, index: int) -> PlotData | None:
    """Return the figure of one of the visit's takes, computed once."""
    if index not in range(len(visit.takes)):
        return None
    if index not in visit.figures:
        run, decoder = visit.shown, context.words
        heard = [] if run is None or decoder is None else run.words.get(index, [])
        words = [] if decoder is None else timed_words(heard, decoder.phone_names)
        picture = picture_of(visit.takes[index], context.unit_names, words)
        visit.figures[index] = figure_json(utterance_figure(picture))
    return PlotData(type="plotly", plot=visit.figures[index])


def build_figure_panel() -> FigurePanel:
    """Lay the figure out; hidden until there is a take."""
    with gr.Column(visible=False, elem_id="figure-section") as section:
        step_heading(4, "Look inside")
        with gr.Row(elem_classes="figure-bar"):
            choice = gr.Radio([("Take 1", 0)], value=0, label="Show", elem_id="figure-choice", scale=3)
            with gr.Column(scale=2, min_width=220, elem_classes="prosody"):
                prosody = gr.Button(
                    "Open in Prosody",
                    link=site_path("/prosody"),
                    link_target="_blank",
                    size="sm",
                    elem_id="open-prosody",
                )
                gr.HTML(f'<p class="hint">{escape(PROSODY_NOTE)}</p>')
        plot = gr.Plot(show_label=False, label=PLOT_LABEL, elem_id="figure")
        gr.HTML('<p class="hint">Drag along the time axis to zoom, double-click to see everything again.</p>')
        playhead = scripted_html(
            "<span hidden></span>",
            Path(__file__).with_name("playhead.js"),
            elem_id="playhead",
        )
    return FigurePanel(section, choice, plot, prosody, playhead)


def show_figure(context: Context, visit: Visit) -> list[Any]:
    """Return one update for each of `FigurePanel.outputs`, which show the first take."""
    run = visit.shown
    choices = [] if run is None else [(run.name_of(index), index) for index in range(len(run.takes))]
    return [
        gr.update(visible=True),
        gr.update(choices=choices, value=0),
        *show_take(context, visit, 0),
    ]


def show_take(context: Context, visit: Visit, index: int) -> list[Any]:
    """Return one update for each of `FigurePanel.shown`, which show one of the takes."""
    plot = take_plot(context, visit, index)
    if plot is None:
        return [gr.skip()] * 3
    return [plot, prosody_link(context, visit, index), visit.take_name(index)]


def prosody_link(context: Context, visit: Visit, index: int) -> Any:
    """Return the update of the button that opens a take on the Prosody page, in another tab: the takes here stay."""
    run = visit.shown
    if run is None or index not in range(len(run.takes)):
        return gr.skip()
    if run.systems:
        return gr.update(interactive=False, link=None)  # the page moves the voice's own latents
    ticket = context.handovers.offer(visit.offers, visit.takes[index], f"Take {index + 1} of the Continue page")
    return gr.update(interactive=True, link=site_path(f"/prosody/?take={ticket}"))
