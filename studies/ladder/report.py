"""The report of a ladder: one HTML page that needs no network, with a figure, the numbers and what they say."""

from importlib.resources import files
from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import JUDGEMENTS
from undertone.studies.ladder.judgement import LadderResult, RungDifference
from undertone.studies.ladder.paper import PUBLISHED, PUBLISHED_PERPLEXITY
from undertone.studies.measures.intervals import LEVEL

INK, GRID = "#536072", "rgba(120,132,148,0.22)"
COLOURS = {"words": "#0f766e", "grammar": "#d97706", "topics": "#4f46e5"}


def ladder_figure(result: LadderResult) -> go.Figure:
    """Return accuracies by rung in percent with 95 % intervals, the paper's numbers dashed beside them."""
    figure = go.Figure()
    rungs = [found.rung for found in result.rungs]
    for judgement in JUDGEMENTS:
        found = [one.headline[judgement] for one in result.rungs if judgement in one.headline]
        if not found:
            continue
        figure.add_scatter(
            x=rungs,
            y=[100 * one.value for one in found],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (one.high - one.value) for one in found],
                "arrayminus": [100 * (one.value - one.low) for one in found],
            },
            name=judgement,
            line={"color": COLOURS[judgement]},
            mode="lines+markers",
        )
        published = [rung for rung in rungs if rung in PUBLISHED]
        figure.add_scatter(
            x=published,
            y=[PUBLISHED[rung][judgement] for rung in published],
            name=f"{judgement}, paper",
            showlegend=False,
            line={"color": COLOURS[judgement], "dash": "dot", "width": 1},
            marker={"symbol": "circle-open"},
            mode="lines+markers",
        )
    figure.add_hline(y=50, line={"dash": "dash", "width": 1}, annotation_text="chance")
    figure.update_layout(
        template="none",
        height=460,
        margin={"l": 40, "r": 10, "t": 10, "b": 110},
        yaxis={"title": "accuracy, %", "range": [35, 100], "gridcolor": GRID, "fixedrange": True},
        xaxis={"tickangle": -45, "gridcolor": GRID, "fixedrange": True},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
    )
    return figure


def is_null(found: RungDifference) -> bool:
    """Return whether a difference cannot be told from none: its interval holds 0, or the corrected p is above 0.05."""
    return found.low <= 0 <= found.high or found.p_holm > 1 - LEVEL


def write_ladder_report(result: LadderResult, folder: Path) -> Path:
    """Write `report.html` and return its path."""
    source = files("undertone.studies.ladder").joinpath("report.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(source)
    page = template.render(
        result=result,
        judgements=[judgement for judgement in JUDGEMENTS if judgement in result.pairs],
        published=PUBLISHED,
        published_perplexity=PUBLISHED_PERPLEXITY,
        is_null=is_null,
        figure=ladder_figure(result).to_html(full_html=False, include_plotlyjs=True),
    )
    return write_whole(folder / "report.html", page)


def ladder_lines(result: LadderResult) -> list[str]:
    """Return a line for each rung and each statement."""
    lines = []
    for found in result.rungs:
        numbers = ", ".join(
            f"{judgement} {one.value:.1%} [{one.low:.1%}, {one.high:.1%}]" for judgement, one in found.headline.items()
        )
        said = found.continuations
        perplexity = f", continuations {said.perplexity:.1f} (books {said.true_perplexity:.1f})" if said else ""
        lines.append(f"{found.rung}: {numbers}{perplexity}")
    return lines + [f"{one.name} {one.verdict}: {one.evidence}" for one in result.statements]
