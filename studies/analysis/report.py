"""One self-contained HTML file: figures, tables and a methods section; no script, nothing fetched, fit for print."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from undertone.engine.files.atomic_files import whole_file
from undertone.studies.analysis.anonymise import anonymous_names
from undertone.studies.analysis.bootstrap import Percentiles
from undertone.studies.analysis.caveats import (
    checks_words,
    dots_words,
    filled_words,
    line_words,
    naive_words,
    order_words,
    published_words,
    second_words,
    unjudged_words,
)
from undertone.studies.analysis.checklist import checklist
from undertone.studies.analysis.clustered import Mean
from undertone.studies.analysis.figures import Interval, colour, distribution_figure, interval_figure, scatter_figure
from undertone.studies.analysis.kinds import analysed_ratings
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.methods import methods
from undertone.studies.analysis.mixed import LARGEST
from undertone.studies.analysis.pairs import EXPLORED, PRIMARY, REFERENCES, SYSTEMS
from undertone.studies.analysis.power import PowerPlan, plan_power
from undertone.studies.analysis.ranking import Ranking
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.reliability import Alpha
from undertone.studies.analysis.results import StudyResults, analyse_study
from undertone.studies.analysis.scale_results import ScaleResults
from undertone.studies.analysis.stimuli import TwoScales, prompt_points
from undertone.studies.analysis.wording import capitalised
from undertone.studies.store import Database

TEMPLATE = Path(__file__).with_name("report.html.j2")
NO_INTERVAL = "cannot be told"
FAMILY_WORDS = {
    PRIMARY: "Contrasts that were declared before the study opened; corrected among themselves.",
    EXPLORED: "Explored: nobody declared these before, and they confirm nothing; corrected among themselves.",
    SYSTEMS: "Systems; corrected among themselves. No contrast was declared before the study opened.",
    REFERENCES: "Against ground truth and anchors; a family of its own.",
}
AGREED = 0.667  # alpha of which Krippendorff says that conclusions are tenable
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
    helpers: dict[str, Callable[..., Any]] = {
        "number": number,
        "percent": lambda share: f"{share:.0%}",
        "p": p_text,
        "interval": interval_text,
        "spread": lambda spread: f"{spread[0]}" if spread[0] == spread[2] else f"{spread[0]}–{spread[2]}",
        "title": lambda scale: results.data.wording(scale).get("title", scale),
        "colour": colour,
        "agreement": agreement_words,
        "odds": lambda logits: math.exp(min(logits, 20.0)),
        "naive_words": naive_words,
        "dots_words": lambda scores: dots_words(results.data.roles, [score.system for score in scores]),
        "checks_words": checks_words,
        "order_words": order_words,
        "line_words": line_words,
        "filled_words": filled_words,
        "second_words": second_words,
        "capitalised": capitalised,
        "published_words": published_words,
        "unjudged_words": unjudged_words,
    }
    return _template().render(
        results=results,
        data=results.data,
        banner=banner,
        made=f"{at:%Y-%m-%d %H:%M} UTC",
        names=anonymous_names(results.data),
        paragraphs=methods(results),
        checklist=checklist(results),
        family_words=FAMILY_WORDS,
        published={scale.scale: results.data.published(scale.scale) for scale in results.scales},
        resampled={scale.scale: _resampled(scale) for scale in results.scales},
        figures={
            scale.scale: scale_figures(results.data, scale, anonymous_names(results.data)) for scale in results.scales
        },
        scatters=[Markup(_scatter(results.data, pair)) for pair in results.two_scales],
        plans={
            scale.scale: _plan(results.data, scale)
            for scale in results.scales
            if scale.components and scale.components.total > 0
        },
        **helpers,
    )


@cache
def _template() -> Template:
    """Return the report's template, compiled once."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(TEMPLATE.name)


def scale_figures(data: StudyData, scale: ScaleResults, raters: Mapping[str, str]) -> dict[str, Markup]:
    """Return the figures of one scale by name; `raters` are the names that stand for theirs."""
    low, high = axis_limits(data, scale)
    title = str(data.wording(scale.scale).get("title", scale.scale))
    found = {
        "answers": distribution_figure([(s.system, s.distribution) for s in scale.mos.systems], f"Answers: {title}")
    }
    if scale.ranking:
        found["ranking"] = ranking_figure(scale.ranking, title)
    if scale.kind == "best_worst":
        return {name: Markup(figure) for name, figure in found.items()}
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
    systems = [score.system for score in scale.mos.systems]
    clips = prompt_points(analysed_ratings(data), scale.scale, scale.screened)
    dots = [
        (clip.prompt_mean, clip.mean, systems.index(clip.system), f"{clip.system}, {clip.prompt}") for clip in clips
    ]
    found["prompts"] = scatter_figure(dots, f"Clips by prompt: {title}", low, high)
    people = [
        (rater.mean_of_shared - rater.bias, rater.mean_of_shared, 0, raters.get(rater.rater, "a rater"))
        for rater in scale.raters
        if rater.bias is not None and rater.mean_of_shared is not None
    ]
    found["raters"] = scatter_figure(people, f"Raters: {title}", low, high)
    return {name: Markup(figure) for name, figure in found.items()}


def ranking_figure(ranking: Ranking, title: str) -> str:
    """Return the strengths with their intervals, or the strengths alone where there are none."""
    rows = [Interval(one.system, one.strength, one.low, one.high, strong=True) for one in ranking.systems]
    ends = [abs(end) for row in rows for end in (row.value, row.low, row.high) if end is not None]
    reach = max(0.5, *ends) * 1.05
    return interval_figure(rows, f"Strengths: {title}", -reach, reach, 0.0)


def axis_limits(data: StudyData, scale: ScaleResults) -> tuple[float, float]:
    """Return the ends of the scale; of the answers where the study file does not say."""
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


def agreement_words(alpha: Alpha) -> str:
    """Return what a value of alpha and its interval say, in a sentence; nothing where there is no value."""
    if alpha.value is None:
        return ""
    low, high = (None if end is None else round(end, 2) for end in (alpha.low, alpha.high))  # as they are printed
    if high is not None and high < 0:
        return (
            "The interval lies below 0: on single clips raters agree less than by chance. Did some turn the scale "
            "round?"
        )
    if low is not None and low <= 0:
        return (
            "The interval holds 0, which is what raters who answer by chance give: these ratings do not show that the "
            "raters agree on anything about single clips."
        )
    if alpha.value < AGREED:
        return (
            f"Below {AGREED} (Krippendorff) single ratings are too unlike for conclusions about single clips; that "
            "says nothing against means over many raters and prompts."
        )
    if low is None:
        return f"The value reaches {AGREED} (Krippendorff); how well it is known cannot be told."
    if low < AGREED:
        return (
            f"The value reaches {AGREED} (Krippendorff) and its interval goes below it: whether raters agree well "
            "enough for conclusions about single clips is open."
        )
    return f"Raters agree well enough for conclusions about single clips ({AGREED} and more, Krippendorff)."


def _resampled(scale: ScaleResults) -> dict[tuple[str, str], Percentiles]:
    """Return the bootstrap's differences by pair, in both orders."""
    names = [mean.name for mean in scale.bootstrap.means]
    found = {}
    for (first, second), one in zip(combinations(names, 2), scale.bootstrap.differences, strict=False):
        found[first, second] = one
        low, high = (None if end is None else -end for end in (one.high, one.low))
        found[second, first] = replace(one, value=-one.value, low=low, high=high)
    return found


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
