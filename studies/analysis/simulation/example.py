"""The example report, made from simulated ratings: `undertone study example --out assets/example-report.html`.

Five systems on two scales as in the paper's listening test, 40 prompts, 32 raters of whom some press keys at random.
The data are drawn from a fixed seed, so that the file changes only with the code and the packages that make it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.ratings_frame import STIMULUS_COLUMNS, StudyData
from undertone.studies.analysis.report import render_report
from undertone.studies.analysis.results import analyse_study
from undertone.studies.analysis.simulation.simulate import Design, Layout, allocate, draw, to_frame
from undertone.studies.design.scales import MEANINGFULNESS, NATURALNESS

AT = datetime(2026, 1, 9, 12, tzinfo=UTC)
BANNER = "An example: the ratings are simulated. No person was asked, and no system was judged."
SYSTEMS = {
    "ground-truth": ("ground_truth", 4.1, 4.2),
    "low-anchor": ("low_anchor", 1.8, 2.9),
    "token-lm": ("system", 2.9, 3.2),
    "token-lm-pitch": ("system", 3.1, 3.2),
    "vae-gslm": ("system", 3.6, 3.4),
}
DESIGN = Design(num_systems=len(SYSTEMS), num_prompts=40, num_raters=32, trials_per_rater=20)
PEOPLE = VarianceComponents.of_deviations(rater=0.5, prompt=0.3, system_rater=0.2, system_prompt=0.25, residual=0.7)
CARELESS = (5, 17, 23, 30)  # raters who press keys at random; traps catch all but the last


def example_study(seed: int = 7) -> StudyData:
    """Return a simulated study, whole with screening, devices and stimuli."""
    layout = allocate(DESIGN, seed)
    random = np.random.default_rng(seed)
    tables = []
    for column, scale in enumerate((NATURALNESS, MEANINGFULNESS)):
        means = np.array([role_and_means[1 + column] for role_and_means in SYSTEMS.values()])
        values = draw(layout, means, PEOPLE, 1, random)[0]
        careless = np.isin(layout.rater, CARELESS)
        values[careless] = random.integers(1, 6, careless.sum())
        tables.append(to_frame(values, layout, scale.name, list(SYSTEMS)))
    ratings = pd.concat(tables, ignore_index=True)
    verdicts = {f"s{number:04d}": _verdict(number) for number in range(DESIGN.num_raters)}
    accepted = {name: all(rule["passed"] for rule in verdict.values()) for name, verdict in verdicts.items()}
    ratings["screening"] = ratings["session"].map(verdicts)
    ratings["accepted"] = ratings["session"].map(accepted).astype(object)
    definition = {
        "name": "example",
        "scales": [scale.model_dump(mode="json") for scale in (NATURALNESS, MEANINGFULNESS)],
        "allocation": {"trials_per_session": DESIGN.trials_per_rater},
        "preparation": {"loudness_lufs": -23.0},
        "recruitment": "simulated; nobody was recruited",
        "pay": "none",
    }
    return StudyData(
        name="example",
        title="How natural and how meaningful are these continuations?",
        seed=seed,
        definition=definition,
        ratings=ratings,
        sessions=_sessions(ratings, verdicts, accepted),
        stimuli=_stimuli(layout, random),
        roles={name: role for name, (role, *_) in SYSTEMS.items()},
    )


def write_example(out: Path) -> Path:
    """Write the report of the example study, one HTML file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render_report(analyse_study(example_study()), AT, BANNER), encoding="utf-8")
    return out


def _verdict(number: int) -> dict[str, dict[str, object]]:
    return {
        "headphones": {"passed": True, "effect": "exclude"},
        "traps": {"passed": number not in CARELESS[:-1], "effect": "exclude"},
        "pace": {"passed": number not in (CARELESS[1], 12), "effect": "flag"},
    }


def _sessions(
    ratings: pd.DataFrame, verdicts: dict[str, dict[str, dict[str, object]]], accepted: dict[str, bool]
) -> pd.DataFrame:
    first = ratings.drop_duplicates("session").sort_values("session")
    rated = pd.DataFrame(
        {
            "session": first["session"],
            "rater": first["rater"],
            "state": "finished",
            "accepted": first["session"].map(accepted).astype(object),
            "screening": first["session"].map(verdicts),
            "device": first["device"],
            "source": "prolific",
            "started_at": first["rated_at"] - timedelta(minutes=5),
            "ended_at": first["rated_at"] + timedelta(minutes=25),
        }
    )
    failed = {"headphones": {"passed": False, "effect": "exclude"}}
    out = pd.DataFrame(
        {
            "session": [f"x{number}" for number in range(6)],
            "rater": [f"y{number}" for number in range(6)],
            "state": ["screened_out"] * 4 + ["timed_out"] * 2,
            "accepted": pd.Series([False] * 6, dtype=object),
            "screening": [failed] * 4 + [{}] * 2,
            "device": "desktop",
            "source": "prolific",
            "started_at": AT,
            "ended_at": AT,
        }
    )
    return pd.concat([rated, out], ignore_index=True)


def _stimuli(layout: Layout, random: np.random.Generator) -> pd.DataFrame:
    clips = sorted({(int(s), int(p)) for s, p in zip(layout.system, layout.prompt, strict=True)})
    names = list(SYSTEMS)
    rows = [
        (
            f"{names[s]}-{p:04d}",
            names[s],
            f"p{p:04d}",
            "main",
            13.0,
            -23 + random.normal(0, 0.05),
            random.uniform(-9, -1),
        )
        for s, p in clips
    ]
    return pd.DataFrame(rows, columns=list(STIMULUS_COLUMNS))
