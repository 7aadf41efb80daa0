"""Before and after in one figure: mel, what changed in it, F0, energy, tokens and each latent on one time axis.

T frames at 50 Hz, M mel bins, Z latent dims. Built from the parts of `app/shared/plots.py`, and as small on its way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from undertone.app.shared.plots import (
    CONTINUATION_COLOUR,
    DECIBELS_PER_LN,
    PROMPT_COLOUR,
    Panel,
    add_curve,
    add_mel,
    add_tokens,
    axis_key,
    base_layout,
    curve_colour,
    fit_pitch_axis,
    mark_mel_axis,
)
from undertone.engine.config import FRAME_SECONDS

Array = NDArray[np.float32]

GAP_PIXELS = 26  # holds the title of the panel below
MEL_PIXELS, PITCH_PIXELS, ENERGY_PIXELS, TOKEN_PIXELS, LATENT_PIXELS = 92, 96, 72, 16, 46
MARGIN_PIXELS = 40  # above and below, as in `base_layout`
CHANGE_RANGE_DB = 20
CHANGE_COLOURS = ("#2166ac", "#92c5de", "rgba(127,127,127,0.06)", "#f4a582", "#b2182b")
BEFORE_COLOUR, AFTER_COLOUR = PROMPT_COLOUR, CONTINUATION_COLOUR


@dataclass(frozen=True)
class Side:
    """The arrays that are drawn of one of the two sounds."""

    mel: Array  # [T, M] natural log
    pitch_hz: Array  # [T], NaN where unvoiced
    energy_db: Array  # [T]
    latents: Array  # [T, Z]
    tokens: NDArray[np.int64]  # [T]

    @property
    def seconds(self) -> float:
        return len(self.mel) * FRAME_SECONDS


@dataclass(frozen=True)
class Strip:
    """A panel of the figure before its place is known."""

    title: str
    pixels: int
    card: str | None = None  # id of the card whose track is drawn here


def comparison_figure(
    before: Side, after: Side, tracks: Sequence[tuple[int, str, str]], unit_names: Sequence[str]
) -> tuple[go.Figure, dict[str, str]]:
    """Draw the figure; return it and the card drawn on each y axis.

    Args:
        tracks: dimension, card and name of each latent that is shown, from the top.
        unit_names: what to call each token, V of them.
    """
    aligned = len(before.mel) == len(after.mel)
    strips = _strips(tracks, aligned)
    height = sum(strip.pixels + GAP_PIXELS for strip in strips) + MARGIN_PIXELS
    panels = _place_panels(strips, height)
    figure = go.Figure(layout=base_layout(panels, max(before.seconds, after.seconds), height))
    axes = [panel.axis for panel in panels]
    loudest = float(max(before.mel.max(), after.mel.max()))
    add_mel(figure, before.mel, axes.pop(0), "mel before", loudest)
    add_mel(figure, after.mel, axes.pop(0), "mel after", loudest)
    if aligned:
        _add_mel_change(figure, before.mel, after.mel, axes.pop(0))
    pitch, energy, tokens = axes.pop(0), axes.pop(0), axes.pop(0)
    _add_pair(figure, before.pitch_hz, after.pitch_hz, pitch, "F0", "%{y:.0f} Hz")
    fit_pitch_axis(figure, pitch, before.pitch_hz, after.pitch_hz)
    _add_pair(figure, before.energy_db, after.energy_db, energy, "energy", "%{y:.0f} dB")
    add_tokens(figure, after.tokens, unit_names, tokens)
    for dimension, _, _ in tracks:
        axis, name, colour = axes.pop(0), f"z{dimension + 1}", curve_colour(dimension)
        _add_pair(figure, before.latents[:, dimension], after.latents[:, dimension], axis, name, "%{y:.2f}", colour)
        figure.update_layout({axis_key(axis): {"nticks": 3}})
    return figure, {panel.axis: strip.card for panel, strip in zip(panels, strips, strict=True) if strip.card}


def _strips(tracks: Sequence[tuple[int, str, str]], aligned: bool) -> list[Strip]:
    before, after = (f'<span style="color:{colour}">{word}</span>' for colour, word in (
        (BEFORE_COLOUR, "before"), (AFTER_COLOUR, "after")
    ))  # fmt: skip
    change = [Strip("Change, dB: red louder, blue softer", MEL_PIXELS)] if aligned else []
    return [
        Strip("Mel spectrogram before, kHz", MEL_PIXELS),
        Strip("Mel spectrogram after, kHz", MEL_PIXELS),
        *change,
        Strip(f"Pitch (F0), Hz: {before} and {after}", PITCH_PIXELS, "pitch height"),
        Strip(f"Energy, dB: {before} and {after}", ENERGY_PIXELS, "loudness"),
        Strip("Tokens (what is said)", TOKEN_PIXELS),
        *(
            Strip(f'<span style="color:{curve_colour(dimension)}">{name}</span>', LATENT_PIXELS, card)
            for dimension, card, name in tracks
        ),
    ]


def _place_panels(strips: Sequence[Strip], height: int) -> list[Panel]:
    """Place the panels from the top down, as fractions of the height between the margins."""
    inner = height - MARGIN_PIXELS
    panels, top = [], float(inner)
    for index, strip in enumerate(strips):
        top -= GAP_PIXELS
        axis = "y" if index == 0 else f"y{index + 1}"
        panels.append(Panel(axis, strip.title, max(0.0, (top - strip.pixels) / inner), top / inner))
        top -= strip.pixels
    return panels


def _add_pair(
    figure: go.Figure, before: Array, after: Array, axis: str, name: str, hover: str, colour: str = AFTER_COLOUR
) -> None:
    """Draw both curves; one where nothing has changed, so that the pointer's box stays short."""
    if np.array_equal(before, after, equal_nan=True):
        add_curve(figure, after, axis, name, colour, hover)
        return
    add_curve(figure, before, axis, f"{name} before", BEFORE_COLOUR, hover)
    figure.data[-1].line.update(dash="dot")
    add_curve(figure, after, axis, f"{name} after", colour, hover)


def _add_mel_change(figure: go.Figure, before: Array, after: Array, axis: str) -> None:
    change = np.clip(np.round(DECIBELS_PER_LN * (after - before).T), -CHANGE_RANGE_DB, CHANGE_RANGE_DB)
    scale = [(index / (len(CHANGE_COLOURS) - 1), colour) for index, colour in enumerate(CHANGE_COLOURS)]
    figure.add_heatmap(
        z=change.astype(np.int8),
        x0=0,
        dx=FRAME_SECONDS,
        zmin=-CHANGE_RANGE_DB,
        zmax=CHANGE_RANGE_DB,
        colorscale=scale,
        showscale=False,
        hoverinfo="skip",
        yaxis=axis,
        name="mel change",
    )
    mark_mel_axis(figure, before.shape[1], axis)
