"""Simulated listening studies with known truth: crossed raters and prompts, each prompt heard once by a rater.

B studies at once, N ratings, R raters, P prompts, S systems.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.errors import AnalysisError

Array = NDArray[np.float64]
BATCH = 250  # studies held in memory at once
LOWEST, HIGHEST = 1, 5
CUTS = np.arange(LOWEST, HIGHEST) + 0.5  # a liking between two cuts is rated with the whole number between them


@dataclass(frozen=True)
class Design:
    """Who rates what.

    Attributes:
        trials_per_rater: over all systems; at most one for each prompt.
        missing: share of the planned ratings that were never given, at random.
    """

    num_systems: int
    num_prompts: int
    num_raters: int
    trials_per_rater: int
    missing: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.trials_per_rater <= self.num_prompts:
            raise AnalysisError(
                f"trials_per_rater is {self.trials_per_rater} with {self.num_prompts} prompts; expected 1 to "
                f"{self.num_prompts}, as a rater hears each prompt in one system only."
            )
        if min(self.num_systems, self.num_raters) < 1 or not 0 <= self.missing < 1:
            raise AnalysisError(f"{self} cannot be run: it needs systems, raters, and missing within [0, 1).")


@dataclass(frozen=True)
class Layout:
    """[N] numbers of rater, prompt, system and position in the session."""

    rater: NDArray[np.int64]
    prompt: NDArray[np.int64]
    system: NDArray[np.int64]
    position: NDArray[np.int64]


def allocate(design: Design, seed: int = 0) -> Layout:
    """Allocate the least-filled clips first, systems balanced within a rater, ties by chance."""
    random = np.random.default_rng(seed)
    filled = np.zeros((design.num_prompts, design.num_systems), dtype=np.int64)
    rows = []
    for rater in range(design.num_raters):
        least_heard = np.lexsort((random.random(design.num_prompts), filled.sum(1)))
        heard = np.zeros(design.num_systems, dtype=np.int64)
        for position, prompt in enumerate(random.permutation(least_heard[: design.trials_per_rater])):
            system = np.lexsort((random.random(design.num_systems), filled[prompt], heard))[0]
            heard[system] += 1
            filled[prompt, system] += 1
            rows.append((rater, prompt, system, position))
    table = np.array(rows, dtype=np.int64)
    table = table[random.random(len(table)) >= design.missing]
    return Layout(*table.T)


def draw(
    layout: Layout,
    means: Array,
    components: VarianceComponents,
    num_studies: int,
    random: np.random.Generator,
    rounded: bool = True,
) -> Array:
    """Draw ratings of several studies of one layout.

    Args:
        layout: N ratings.
        means: [S] liking of each system, before rounding.
        components: variances before rounding.
        num_studies: B.
        random: draws everything.
        rounded: to whole numbers from 1 to 5, as on the page.
    Returns:
        [B, N].
    """
    num_systems, num_raters = len(means), int(layout.rater.max()) + 1
    num_prompts = int(layout.prompt.max()) + 1

    def effect(variance: float, number: int, members: NDArray[np.int64]) -> Array:
        drawn: Array = np.sqrt(variance) * random.standard_normal((num_studies, number))
        return drawn[:, members]

    liking = means[layout.system] + effect(components.rater, num_raters, layout.rater)
    liking += effect(components.prompt, num_prompts, layout.prompt)
    liking += effect(components.system_rater, num_systems * num_raters, layout.system * num_raters + layout.rater)
    liking += effect(components.system_prompt, num_systems * num_prompts, layout.system * num_prompts + layout.prompt)
    liking += np.sqrt(components.residual) * random.standard_normal(liking.shape)
    return np.clip(np.rint(liking), LOWEST, HIGHEST) if rounded else liking


def draw_batches(
    layout: Layout, means: Array, components: VarianceComponents, studies: int, seed: int
) -> Iterator[Array]:
    """Yield rounded ratings of so many studies, [B, N] with B at most BATCH; see `draw`."""
    random = np.random.default_rng(seed)
    for start in range(0, studies, BATCH):
        yield draw(layout, means, components, min(BATCH, studies - start), random)


def true_scores(means: Array, components: VarianceComponents, rounded: bool = True) -> Array:
    """Return the mean scores [S] over all raters and prompts that there could be."""
    if not rounded:
        return means
    above = stats.norm.sf(CUTS, loc=means[:, None], scale=np.sqrt(components.total))
    scores: Array = LOWEST + above.sum(1)
    return scores


def liking_of(score: float, components: VarianceComponents) -> float:
    """Return the liking of a system whose true score is `score`, within 1 to 5."""
    return float(optimize.brentq(lambda liking: true_scores(np.array([liking]), components)[0] - score, -20.0, 26.0))


def to_frame(
    values: Array, layout: Layout, scale: str = "naturalness", systems: list[str] | None = None
) -> pd.DataFrame:
    """Return one study's ratings as the table that the analysis reads.

    Args:
        values: [N] ratings.
        layout: who gave them to what.
        scale: its name.
        systems: names; letters where None.
    """
    names = systems or [chr(ord("A") + number) for number in range(int(layout.system.max()) + 1)]
    started = datetime(2026, 1, 5, 9, tzinfo=UTC)
    minutes = layout.rater * 30 + layout.position
    return pd.DataFrame(
        {
            "rater": [f"r{number:04d}" for number in layout.rater],
            "prompt": [f"p{number:04d}" for number in layout.prompt],
            "system": [names[number] for number in layout.system],
            "scale": scale,
            "value": values,
            "stimulus": [f"{names[s]}-{p:04d}" for s, p in zip(layout.system, layout.prompt, strict=True)],
            "trial": [f"t{r:04d}-{p:04d}" for r, p in zip(layout.rater, layout.prompt, strict=True)],
            "position": layout.position,
            "session": [f"s{number:04d}" for number in layout.rater],
            "accepted": True,
            "screening": [{} for _ in layout.rater],
            "kind": "main",
            "rated_at": [started + timedelta(minutes=int(minute)) for minute in minutes],
            "device": ["phone" if number % 4 == 3 else "desktop" for number in layout.rater],
        }
    )


def simulate(
    design: Design,
    means: Array,
    components: VarianceComponents,
    seed: int = 0,
    scale: str = "naturalness",
    systems: list[str] | None = None,
) -> pd.DataFrame:
    """Simulate a study's ratings with known truth, as the table that the analysis reads."""
    layout = allocate(design, seed)
    values = draw(layout, np.asarray(means, dtype=np.float64), components, 1, np.random.default_rng(seed))[0]
    return to_frame(values, layout, scale, systems)
