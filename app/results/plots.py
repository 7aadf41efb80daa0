"""Plotly figures of the Results page, as high as their rows need, with labels that fit a phone."""

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from undertone.studies.analysis.figures import colour, shade
from undertone.studies.analysis.kinds import analysed_ratings
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.report import axis_limits
from undertone.studies.analysis.scale_results import ScaleResults
from undertone.studies.analysis.stimuli import prompt_points

ACCENT = "#0f766e"
INK = "#536072"
GRID = "rgba(120,132,148,0.22)"
ROW_PIXELS = 46


def score_figure(data: StudyData, found: ScaleResults) -> go.Figure:
    """Draw mean opinion scores, or preferences in an A/B study."""
    if found.ranking and not found.preferences:
        strengths = [(one.system, one.strength, one.low, one.high) for one in found.ranking.systems]
        ends = [abs(end) for row in strengths for end in row[1:] if isinstance(end, float)]
        reach = max([0.5, *ends]) * 1.05
        return _interval_figure(strengths, -reach, reach, zero=True)
    low, high = axis_limits(data, found)
    if found.preferences:
        rows = [
            (f"{pair.first} or {pair.second}", pair.preference.value, pair.preference.low, pair.preference.high)
            for pair in found.preferences.pairs
        ]
        return _interval_figure(rows, low, high, zero=True)
    figure = _interval_figure([(s.system, s.mean.value, s.mean.low, s.mean.high) for s in found.mos.systems], low, high)
    figure.add_scatter(
        x=[score.mean.value for score in found.mos.systems],
        y=list(range(len(found.mos.systems))),
        error_x={"array": [score.naive_half_width or 0 for score in found.mos.systems], "thickness": 7, "width": 0},
        mode="markers",
        marker={"size": 1, "color": "rgba(15,118,110,0.35)"},
        hovertemplate="as older papers print it: ± %{error_x.array:.2f}, too narrow<extra></extra>",
    )
    return figure


def difference_figure(found: ScaleResults) -> go.Figure:
    """Draw the differences of pairs, first less second; markers are filled where a pair differs."""
    pairs = found.comparison.pairs
    ends = [abs(end) for pair in pairs for end in (pair.value, pair.low, pair.high) if end is not None]
    reach = max([0.5, *ends]) * 1.05
    rows = [(f"{pair.first} − {pair.second}", pair.value, pair.low, pair.high) for pair in pairs]
    return _interval_figure(rows, -reach, reach, [bool(pair.different) for pair in pairs], zero=True)


def answer_figure(found: ScaleResults) -> go.Figure:
    """Draw how often each answer was given, for each system."""
    systems = found.mos.systems
    values = sorted({value for score in systems for value in score.distribution})
    figure = go.Figure(layout=_layout(110 + ROW_PIXELS * len(systems)))
    for value in values:
        counts = [score.distribution.get(value, 0) for score in systems]
        shares = [count / sum(score.distribution.values()) for count, score in zip(counts, systems, strict=True)]
        figure.add_bar(
            x=shares,
            y=list(range(len(systems))),
            orientation="h",
            width=0.42,
            name=f"{value:g}",
            customdata=counts,
            marker={"color": shade(value, values)},
            hovertemplate=f"{value:g}: %{{x:.0%}} (%{{customdata}})<extra></extra>",
        )
    legend = {"orientation": "h", "y": -0.04, "yanchor": "top", "x": 0, "traceorder": "normal"}
    figure.update_layout(barmode="stack", showlegend=True, legend=legend)
    figure.update_xaxes(range=[0, 1], showticklabels=False, showgrid=False)
    return _with_row_labels(figure, [score.system for score in systems])


def prompt_figure(data: StudyData, found: ScaleResults) -> go.Figure:
    """Draw every clip beside its prompt's mean, one colour for each system."""
    low, high = axis_limits(data, found)
    clips = prompt_points(analysed_ratings(data), found.scale, found.screened)
    figure = go.Figure(layout=_layout(420))
    for number, system in enumerate(dict.fromkeys(score.system for score in found.mos.systems)):
        own = [clip for clip in clips if clip.system == system]
        figure.add_scatter(
            x=[clip.prompt_mean for clip in own], y=[clip.mean for clip in own], text=[clip.prompt for clip in own],
            name=system, mode="markers", marker={"size": 8, "opacity": 0.75, "color": colour(number)},
            hovertemplate="%{text}: %{y:.2f}, prompt %{x:.2f}<extra>" + escape(system) + "</extra>",
        )  # fmt: skip
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.12, "yanchor": "top", "x": 0})
    return _on_two_scales(figure, low, high)


def rater_figure(data: StudyData, found: ScaleResults, names: Mapping[str, str]) -> go.Figure:
    """Draw every rater's mean beside what others gave the same clips; `names` stand for theirs."""
    low, high = axis_limits(data, found)
    shown = [(one, one.mean_of_shared, one.bias) for one in found.raters]
    known = [(one, own, bias) for one, own, bias in shown if own is not None and bias is not None]
    figure = go.Figure(layout=_layout(380))
    figure.add_scatter(
        x=[own - bias for _, own, bias in known], y=[own for _, own, _ in known], mode="markers",
        text=[names.get(one.rater, "a rater") for one, *_ in known],
        marker={"size": 9, "opacity": 0.75, "color": ACCENT},
        hovertemplate="%{text}: %{y:.2f}, others %{x:.2f}<extra></extra>",
    )  # fmt: skip
    return _on_two_scales(figure, low, high)


def _on_two_scales(figure: go.Figure, low: float, high: float) -> go.Figure:
    figure.add_shape(type="line", x0=low, y0=low, x1=high, y1=high, line={"color": GRID, "dash": "dot"})
    figure.update_layout(margin={"l": 32, "r": 8, "t": 8, "b": 32})
    margin = 0.03 * (high - low)
    figure.update_xaxes(range=[low - margin, high + margin], nticks=9)
    figure.update_yaxes(range=[low - margin, high + margin], nticks=9)
    return figure


def _interval_figure(
    rows: Sequence[tuple[str, float, float | None, float | None]],
    low: float,
    high: float,
    filled: Sequence[bool] = (),
    zero: bool = False,
) -> go.Figure:
    figure = go.Figure(layout=_layout(70 + ROW_PIXELS * len(rows)))
    values = [value for _, value, *_ in rows]
    above = [0 if end is None else end - value for _, value, _, end in rows]
    below = [0 if start is None else value - start for _, value, start, _ in rows]
    texts = [
        f"{value:.2f}" + ("" if start is None or end is None else f" [{start:.2f}, {end:.2f}]")
        for _, value, start, end in rows
    ]
    colours = [ACCENT if not filled or full else "#ffffff" for full in (filled or [True] * len(rows))]
    figure.add_scatter(
        x=values, y=list(range(len(rows))), mode="markers", text=texts, hovertemplate="%{text}<extra></extra>",
        error_x={"array": above, "arrayminus": below, "color": ACCENT, "thickness": 2.2, "width": 5},
        marker={"size": 10, "color": colours, "line": {"color": ACCENT, "width": 2}},
    )  # fmt: skip
    figure.update_xaxes(range=[low, high], zeroline=zero, zerolinecolor=INK, nticks=9)
    return _with_row_labels(figure, [name for name, *_ in rows])


def _with_row_labels(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """Put names above their rows, not beside them: long ones leave the axis its width."""
    figure.update_yaxes(range=[len(names) - 0.5, -0.7], showticklabels=False, showgrid=False, zeroline=False)
    for row, name in enumerate(names):
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": row - 0.42, "yref": "y", "yanchor": "middle"}
        figure.add_annotation(text=name, showarrow=False, font={"size": 13, "color": INK}, **place)
    return figure


def _layout(height: int) -> go.Layout:
    return go.Layout(
        template=None,
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 32},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        xaxis={"gridcolor": GRID, "fixedrange": True},
        yaxis={"gridcolor": GRID, "fixedrange": True},
        showlegend=False,
        dragmode=False,
    )
