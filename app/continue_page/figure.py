"""From a take to its figure: what the take knows of itself, and the pitch and energy measured on its sound."""

from collections.abc import Sequence

import gradio as gr
from gradio.components.plot import PlotData

from undertone.app.shared.plots import Picture, figure_json, utterance_figure
from undertone.app.shared.visitor import Visit
from undertone.engine import Take
from undertone.engine.audio.acoustics import energy_db, pitch
from undertone.engine.config import FRAME_RATE_HZ


def picture_of(take: Take, unit_names: Sequence[str]) -> Picture:
    """Arrays of the whole take, prompt and continuation."""
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
    )


def take_plot(visit: Visit, index: int, unit_names: Sequence[str]) -> PlotData | None:
    """Return the figure of one of the visit's takes, computed once."""
    if index not in range(len(visit.takes)):
        return None
    if index not in visit.figures:
        visit.figures[index] = figure_json(utterance_figure(picture_of(visit.takes[index], unit_names)))
    return PlotData(type="plotly", plot=visit.figures[index])


def build_plot() -> gr.Plot:
    """Build the widget."""
    label = "Waveform, mel spectrogram, pitch, energy, tokens and latents"
    return gr.Plot(show_label=False, label=label, elem_id="figure")
