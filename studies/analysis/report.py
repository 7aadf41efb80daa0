"""One self-contained HTML file: figures, tables and a methods section; no script, nothing fetched, fit for print."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from undertone.engine.files.atomic_files import whole_file
from undertone.studies.analysis.anonymise import anonymous_names
from undertone.studies.analysis.clustered import Mean
from undertone.studies.analysis.figures import Interval, colour, distribution_figure, interval_figure, scatter_figure
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.mixed import LARGEST
from undertone.studies.analysis.power import PowerPlan, plan_power
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import ScaleResults, StudyResults, analyse_study
from undertone.studies.analysis.stimuli import TwoScales
from undertone.studies.store import Database

TEMPLATE = Path(__file__).with_name("report.html.j2")
NO_INTERVAL = "cannot be told"
GOAL = 0.1  # half-width that the planner's sentence is about


def study_report(db: Database, study_name: str, out: Path, largest_mixed: int = LARGEST) -> Path:
    """Write the report of a study.

    Args:
        db: holds it.
        study_name: its name.
        out: the HTML file, or a folder to write `<study>-report.html` in.
        largest_mixed: ratings on a scale above which the mixed model is left out.
    Returns:
        The file.
    Raises:
        StoreError: there is no study of this name.
    """
    results = analyse_study(load_study(db, study_name), largest_mixed=largest_mixed)
    path = out / f"{study_name}-report.html" if out.is_dir() else out
    text = render_report(results, datetime.now(UTC))
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return path


def render_report(results: StudyResults, at: datetime, banner: str = "") -> str:
    """Return the report as HTML.

    Args:
        results: what it tells.
        at: the time it bears.
        banner: a remark above everything, for example that the data are simulated.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    helpers: dict[str, Callable[..., Any]] = {
        "number": number,
        "percent": lambda share: f"{share:.0%}",
        "p": p_text,
        "interval": interval_text,
        "spread": lambda spread: f"{spread[0]}" if spread[0] == spread[2] else f"{spread[0]}–{spread[2]}",
        "title": lambda scale: results.data.wording(scale).get("title", scale),
        "colour": colour,
    }
    return environment.get_template(TEMPLATE.name).render(
        results=results,
        data=results.data,
        banner=banner,
        made=f"{at:%Y-%m-%d %H:%M} UTC",
        names=anonymous_names(results.data),
        paragraphs=methods(results),
        figures={scale.scale: scale_figures(results.data, scale) for scale in results.scales},
        scatters=[Markup(_scatter(results.data, pair)) for pair in results.two_scales],
        plans={scale.scale: _plan(results.data, scale) for scale in results.scales if scale.components},
        **helpers,
    )


def scale_figures(data: StudyData, scale: ScaleResults) -> dict[str, Markup]:
    """Return the figures of one scale by name."""
    low, high = axis_limits(data, scale)
    title = str(data.wording(scale.scale).get("title", scale.scale))
    found = {
        "answers": distribution_figure([(s.system, s.distribution) for s in scale.mos.systems], f"Answers: {title}")
    }
    if scale.preferences:
        pairs = scale.preferences.pairs
        rows = [_row(f"{pair.first} or {pair.second}", pair.preference, bool(pair.different)) for pair in pairs]
        found["preferences"] = interval_figure(rows, f"Preferences: {title}", low, high, 0.0)
        return {name: Markup(figure) for name, figure in found.items()}
    scores = [
        Interval(
            score.system,
            score.mean.value,
            score.mean.low,
            score.mean.high,
            None if score.naive_half_width is None else score.mean.value - score.naive_half_width,
            None if score.naive_half_width is None else score.mean.value + score.naive_half_width,
            strong=data.roles.get(score.system, "system") == "system",
        )
        for score in scale.mos.systems
    ]
    found["scores"] = interval_figure(scores, f"Mean opinion scores: {title}", low, high)
    differences = [
        Interval(f"{pair.first} − {pair.second}", pair.value, pair.low, pair.high, strong=bool(pair.different))
        for pair in scale.comparison.pairs
    ]
    if differences:
        ends = [abs(end) for row in differences for end in (row.value, row.low, row.high) if end is not None]
        reach = max(0.5, *ends) * 1.05
        found["differences"] = interval_figure(differences, f"Differences: {title}", -reach, reach, 0.0)
    return {name: Markup(figure) for name, figure in found.items()}


def axis_limits(data: StudyData, scale: ScaleResults) -> tuple[float, float]:
    """Ends of the scale; of the answers where the study file does not say."""
    wording = data.wording(scale.scale)
    values = [value for score in scale.mos.systems for value in score.distribution]
    low, high = float(wording.get("minimum", min(values))), float(wording.get("maximum", max(values)))
    return (low, high) if low < high else (low - 1, high + 1)


def number(value: float | None, digits: int = 2, signed: bool = False) -> str:
    """Return a number with a true minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    value = round(value, digits) + 0.0  # no minus nought
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")


def p_text(value: float | None) -> str:
    """Return a p value, never nought; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval_text(found: Any) -> str:
    """Return the interval of anything with `low` and `high` in brackets, and words where there is none."""
    ends = (found.low, found.high)
    known = all(end is not None and math.isfinite(end) for end in ends)
    return f"[{number(found.low)}, {number(found.high)}]" if known else NO_INTERVAL


def _row(label: str, mean: Mean, strong: bool) -> Interval:
    return Interval(label, mean.value, mean.low, mean.high, strong=strong)


def _scatter(data: StudyData, pair: TwoScales) -> str:
    names = [system.system for system in pair.systems]
    points = [
        (clip.first, clip.second, names.index(clip.system), f"{clip.system}, {clip.prompt}") for clip in pair.stimuli
    ]
    ends = [data.wording(scale) for scale in (pair.first_scale, pair.second_scale)]
    low = min(float(wording.get("minimum", 1)) for wording in ends)
    high = max(float(wording.get("maximum", 5)) for wording in ends)
    return scatter_figure(points, f"{pair.first_scale} against {pair.second_scale} by clip", low, high)


def _plan(data: StudyData, scale: ScaleResults) -> PowerPlan:
    assert scale.components is not None
    trials = max(1, round(scale.mos.counts.ratings_per_rater[1]))
    return plan_power(scale.components, GOAL, systems=len(scale.mos.systems), trials_per_rater=trials)
