"""One Plotly figure of an utterance: waveform, mel, F0, energy, tokens and latents on one linked time axis.

T frames at 50 Hz, M mel bins, Z latent dims. The figure travels to the browser as JSON, so everything in it is
quantised: arrays are base64 typed arrays (int8 decibels, 16-bit tokens, 32-bit curves), the waveform is an envelope.
"""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from undertone.app.shared.plot_data import figure_text
from undertone.engine.config import FRAME_SECONDS, SAMPLE_RATE_HZ

ENVELOPE_POINTS = 1600  # pairs of minimum and maximum along the whole figure
MEL_RANGE_DB = (-80, 0)  # of the loudest cell
DECIBELS_PER_LN = 20 / math.log(10)  # the mel spectrogram is the logarithm of an amplitude
MEL_TICKS_HZ = (500, 1000, 2000, 4000, 8000)

PROMPT_COLOUR = "#7a869a"
CONTINUATION_COLOUR = "#0f766e"
INK_COLOUR = "#6b7280"
GRID_COLOUR = "rgba(127,127,127,0.18)"
SHADE_COLOUR = "rgba(122,134,154,0.10)"
CURVE_COLOURS = ("#0f766e", "#c2410c", "#4338ca", "#a16207", "#be185d", "#0369a1", "#4d7c0f", "#7e22ce")
MEL_COLOURS = ("#0b1020", "#1b2a4e", "#1f5673", "#2a8a84", "#7bc28b", "#f2efb6")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """The arrays that the figure shows of one utterance.

    Attributes:
        audio: [samples] at 16 kHz.
        mel: [T, M] natural-log amplitude.
        tokens: [T] unit of each frame.
        latents: [T, Z].
        pitch_hz: [T], NaN where unvoiced.
        energy_db: [T] of full scale.
        prompt_seconds: where the prompt ends and the continuation begins; 0 where there is no prompt.
        unit_names: what to call each token, V of them.
        words: text, start and end in seconds; none where they cannot be read.
    """

    audio: Array
    mel: Array
    tokens: NDArray[np.int64]
    latents: Array
    pitch_hz: Array
    energy_db: Array
    prompt_seconds: float
    unit_names: Sequence[str]
    words: Sequence[tuple[str, float, float]] = ()

    @property
    def seconds(self) -> float:
        """Return the length of the sound."""
        return len(self.audio) / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class Panel:
    """One strip of the figure: its y axis, from bottom to top as fractions of the height."""

    axis: str
    title: str
    bottom: float
    top: float


PANELS = (
    Panel("y", "Waveform", 0.875, 0.945),
    Panel("y2", "Mel spectrogram, kHz", 0.615, 0.835),
    Panel("y3", "Pitch (F0), Hz", 0.44, 0.57),
    Panel("y4", "Energy, dB", 0.295, 0.395),
    Panel("y5", "Tokens (what is said)", 0.215, 0.25),
    Panel("y6", "Latents (how it is said)", 0.0, 0.17),
)
WORDS_PANEL = Panel("y7", "Words (a guess)", 0.18, 0.21)  # between tokens and latents, which move apart for it
BESIDE_WORDS = {"y5": (0.24, 0.265), "y6": (0.0, 0.145)}
HEIGHT_PIXELS = 780


def utterance_figure(picture: Picture) -> go.Figure:
    """Draw the linked figure; about 150 kB of JSON for 13 s."""
    panels = [*PANELS[:-1], replace(PANELS[-1], title=_latents_title(picture.latents.shape[1]))]
    if picture.words:
        places = {panel.axis: BESIDE_WORDS.get(panel.axis, (panel.bottom, panel.top)) for panel in panels}
        panels = [replace(panel, bottom=places[panel.axis][0], top=places[panel.axis][1]) for panel in panels]
        panels.insert(-1, WORDS_PANEL)
    figure = go.Figure(layout=base_layout(panels, picture.seconds, HEIGHT_PIXELS))
    _add_waveform(figure, picture)
    add_mel(figure, picture.mel)
    _add_pitch(figure, picture.pitch_hz)
    add_curve(figure, picture.energy_db, "y4", "energy", INK_COLOUR, "%{y:.0f} dB")
    add_tokens(figure, picture.tokens, picture.unit_names)
    if picture.words:
        add_words(figure, picture.words, WORDS_PANEL.axis)
    for dim, curve in enumerate(picture.latents.T):
        colour = curve_colour(dim)
        add_curve(figure, curve, "y6", f"z{dim + 1}", colour, "%{y:.2f}")
    _mark_boundary(figure, picture)
    return figure


def figure_json(figure: go.Figure) -> str:
    """Return the figure as the browser gets it, without the mode bar: zoom by dragging, double click to reset."""
    return figure_text(figure, doubleClick="reset")


def envelope(audio: Array, num_points: int = ENVELOPE_POINTS) -> tuple[Array, float]:
    """Return minimum and maximum of each of `num_points` stretches, interleaved, and the seconds between two values."""
    stretch = max(1, math.ceil(len(audio) / num_points))
    padded = np.pad(audio, (0, -len(audio) % stretch)).reshape(-1, stretch)
    extremes = np.stack([padded.min(axis=1), padded.max(axis=1)], axis=1).reshape(-1)
    return extremes.astype(np.float32), stretch / SAMPLE_RATE_HZ / 2


def axis_key(axis: str) -> str:
    """Return the layout's key of an axis: "yaxis3" of "y3"."""
    return axis.replace("y", "yaxis")


def mel_decibels(mel: Array, loudest: float | None = None) -> NDArray[np.int8]:
    """Return whole decibels [M, T] below the loudest cell, of this or another spectrogram, clipped to what is shown."""
    if loudest is None:
        loudest = float(mel.max()) if mel.size else 0.0
    decibels = DECIBELS_PER_LN * (mel.T - loudest)
    return np.clip(np.round(decibels), *MEL_RANGE_DB).astype(np.int8)


def token_colours(unit_names: Sequence[str]) -> list[tuple[float, str]]:
    """Return a stepped colour scale: a colour for each name, neighbouring names a golden ratio of hues apart."""
    number = {name: place for place, name in enumerate(dict.fromkeys(unit_names))}
    scale = []
    for token, name in enumerate(unit_names):
        at = number[name]
        red, green, blue = colorsys.hls_to_rgb(at * 0.618034 % 1, (0.50, 0.66, 0.40)[at % 3], 0.45)
        colour = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
        scale += [(round(token / len(unit_names), 4), colour), (round((token + 1) / len(unit_names), 4), colour)]
    return scale


def mel_tick_positions(num_mels: int, max_hz: float = 8000.0) -> list[float]:
    """Return the index of the mel band centred on each labelled frequency (HTK scale, as the filters)."""
    top = _mel_of_hz(max_hz)
    return [min(num_mels - 1.0, _mel_of_hz(hz) / top * (num_mels + 1) - 1) for hz in MEL_TICKS_HZ]


def _mel_of_hz(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def curve_colour(dim: int) -> str:
    """Return the colour of a latent dimension, counted from 0."""
    return CURVE_COLOURS[dim % len(CURVE_COLOURS)]


def _latents_title(num_dims: int) -> str:
    """Return the panel's title with the dimensions' names in their colours, which is its legend."""
    if not num_dims:
        return "Latents: this system has none"
    names = " ".join(f'<span style="color:{curve_colour(dim)}">z{dim + 1}</span>' for dim in range(num_dims))
    return f"Latents: {names}"  # eight of them fit on a phone


def base_layout(panels: Sequence[Panel], seconds: float, height: int) -> go.Layout:
    """Return the layout of panels above each other on one time axis, which lies below the last."""
    layout = go.Layout(
        template=None,
        height=height,
        margin={"l": 46, "r": 10, "t": 6, "b": 34},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK_COLOUR},
        hovermode="x unified",
        hoversubplots="axis",
        hoverlabel={
            "font": {"size": 12, "color": "#1f2937"},
            "bgcolor": "rgba(255,255,255,0.94)",
            "bordercolor": "#cbd5e1",
        },
        dragmode="zoom",
        showlegend=False,
        xaxis={
            "range": [0, seconds],
            "ticksuffix": " s",
            "hoverformat": ".2f",
            "gridcolor": GRID_COLOUR,
            "zeroline": False,
            "anchor": panels[-1].axis,
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikecolor": INK_COLOUR,
            "spikedash": "solid",
        },
    )
    for panel in panels:
        layout[axis_key(panel.axis)] = {
            "domain": [panel.bottom, panel.top],
            "anchor": "x",
            "fixedrange": True,
            "gridcolor": GRID_COLOUR,
            "zeroline": False,
            "nticks": 4,
        }
        title = {"text": panel.title, "x": 0, "y": panel.top, "xref": "paper", "yref": "paper"}
        layout.annotations += (
            go.layout.Annotation(title, xanchor="left", yanchor="bottom", showarrow=False, font={"size": 12}),
        )
    return layout


def _add_waveform(figure: go.Figure, picture: Picture) -> None:
    """Draw the envelope in two colours: prompt and continuation."""
    values, step = envelope(picture.audio)
    split = min(len(values), round(picture.prompt_seconds / step) // 2 * 2)
    peak = float(np.abs(values).max(initial=1e-3))
    for name, part, start, colour in (
        ("prompt", values[:split], 0.0, PROMPT_COLOUR),
        ("continuation", values[split:], split * step, CONTINUATION_COLOUR),
    ):
        line = {"color": colour, "width": 1}
        figure.add_scatter(y=part, x0=start, dx=step, mode="lines", line=line, name=name, yaxis="y", hoverinfo="skip")
    figure.update_layout(yaxis={"range": [-1.05 * peak, 1.05 * peak], "showticklabels": False, "showgrid": False})


def add_mel(figure: go.Figure, mel: Array, axis: str = "y2", name: str = "mel", loudest: float | None = None) -> None:
    """Draw a spectrogram [T, M] in decibels below the loudest cell."""
    colours = [(index / (len(MEL_COLOURS) - 1), colour) for index, colour in enumerate(MEL_COLOURS)]
    figure.add_heatmap(
        z=mel_decibels(mel, loudest),
        x0=0,
        dx=FRAME_SECONDS,
        zmin=MEL_RANGE_DB[0],
        zmax=MEL_RANGE_DB[1],
        colorscale=colours,
        showscale=False,
        hoverinfo="skip",
        yaxis=axis,
        name=name,
    )
    mark_mel_axis(figure, mel.shape[1], axis)


def mark_mel_axis(figure: go.Figure, num_mels: int, axis: str) -> None:
    """Set the ticks of a spectrogram's axis, in kHz."""
    labels = [f"{hz / 1000:g}" for hz in MEL_TICKS_HZ]
    ticks = {"tickvals": mel_tick_positions(num_mels), "ticktext": labels, "range": [-0.5, num_mels - 0.5]}
    figure.update_layout({axis_key(axis): {**ticks, "showgrid": False}})


def _add_pitch(figure: go.Figure, pitch_hz: Array) -> None:
    add_curve(figure, pitch_hz, "y3", "F0", CONTINUATION_COLOUR, "%{y:.0f} Hz")
    fit_pitch_axis(figure, "y3", pitch_hz)


def fit_pitch_axis(figure: go.Figure, axis: str, *curves: Array) -> None:
    """Show what the voiced frames cover, and a little more."""
    voiced = np.concatenate([curve[~np.isnan(curve)] for curve in curves])
    if len(voiced):
        low, high = float(voiced.min()), float(voiced.max())
        figure.update_layout({axis_key(axis): {"range": [max(0.0, low - 15), high + 15]}})


def add_curve(figure: go.Figure, curve: Array, axis: str, name: str, colour: str, hover: str) -> None:
    """Draw a line over the frames [T]; NaN leaves a gap."""
    figure.add_scatter(
        y=curve.astype(np.float32),
        x0=0,
        dx=FRAME_SECONDS,
        mode="lines",
        line={"color": colour, "width": 1.5},
        name=name,
        yaxis=axis,
        hovertemplate=hover,
        connectgaps=False,
    )


def add_tokens(figure: go.Figure, tokens: NDArray[np.int64], unit_names: Sequence[str], axis: str = "y5") -> None:
    """Draw a strip with a colour for each name of a unit, which the pointer shows; tokens [T]."""
    figure.add_heatmap(
        z=tokens.astype(np.uint16)[None],
        x0=0,
        dx=FRAME_SECONDS,
        zmin=-0.5,
        zmax=len(unit_names) - 0.5,
        colorscale=token_colours(unit_names),
        showscale=False,
        hoverinfo="skip",
        yaxis=axis,
        name="tokens",
    )
    figure.add_scatter(  # unseen: the pointer's box lists points of curves, and the strip has none
        y=np.zeros(len(tokens), np.int8),
        x0=0,
        dx=FRAME_SECONDS,
        customdata=[unit_names[token] for token in tokens],
        mode="markers",
        marker={"opacity": 0},
        hovertemplate="%{customdata}",
        yaxis=axis,
        name="token",
    )
    figure.update_layout({axis_key(axis): {"showticklabels": False, "showgrid": False}})


def add_words(figure: go.Figure, words: Sequence[tuple[str, float, float]], axis: str) -> None:
    """Draw a strip with a box for each word, whose text shows where it fits: zoom in for more of them.

    Args:
        words: text, start and end in seconds.
    """
    figure.add_bar(
        orientation="h",
        base=[start for _, start, _ in words],
        x=[end - start for _, start, end in words],
        y=[0] * len(words),
        width=1,
        text=[text for text, _, _ in words],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        marker={"color": SHADE_COLOUR, "line": {"color": GRID_COLOUR, "width": 1}},
        textfont={"color": INK_COLOUR, "size": 12},
        constraintext="none",
        cliponaxis=True,
        hoverinfo="skip",
        yaxis=axis,
        name="words",
    )
    figure.update_layout({axis_key(axis): {"showticklabels": False, "showgrid": False, "range": [-0.5, 0.5]}})
    figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"}, barmode="overlay")


def _mark_boundary(figure: go.Figure, picture: Picture) -> None:
    """Shade the prompt and name both sides of the boundary."""
    boundary = min(picture.prompt_seconds, picture.seconds)
    if boundary <= 0:
        return
    common = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    figure.add_shape(type="rect", x0=0, x1=boundary, fillcolor=SHADE_COLOUR, line={"width": 0}, **common)
    line = {"color": INK_COLOUR, "width": 1.5, "dash": "dot"}
    figure.add_shape(type="line", x0=boundary, x1=boundary, line=line, **{**common, "layer": "above"})
    for text, anchor, x, colour in (
        ("prompt", "left", 0.0, PROMPT_COLOUR),
        ("continuation", "right", picture.seconds, CONTINUATION_COLOUR),
    ):
        font = {"size": 12, "color": colour}
        place = {"x": x, "y": 1, "xref": "x", "yref": "paper", "xanchor": anchor, "yanchor": "top"}
        figure.add_annotation(text=text, showarrow=False, font=font, **place)
