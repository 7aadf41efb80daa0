"""Looks at a running study that were declared before it opened, each at its own level, 5 % over all of them.

Alpha is spent as Lan and DeMets (1983) do, in the manner of O'Brien and Fleming: hardly any at an early look, nearly
all of it at the last. Each side has its half: 2 - 2 Phi(z / sqrt(t)) with z the quantile of a quarter of 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.pairs import Comparison, SystemDifference
from undertone.studies.analysis.ratings_frame import StudyData

Array = NDArray[np.float64]
HIGHEST_BOUND = 9.0  # z beyond which a boundary is never passed
NODES = 400  # of the numerical integration, per look


@dataclass(frozen=True)
class Look:
    """One of the declared looks.

    Attributes:
        number: from 1.
        of: looks in all, the one at the end counted.
        share: of the wanted ratings that it is made at.
        level: two-sided, at which a single pair is tested.
    """

    number: int
    of: int
    share: float
    level: float


def spent(share: float) -> float:
    """Return how much of one side's 2.5 % may be spent until a share, within (0, 1], of the information."""
    return float(2 * stats.norm.sf(stats.norm.isf((1 - LEVEL) / 4) / np.sqrt(share)))


def boundaries(shares: Sequence[float]) -> list[float]:
    """Return the |z| from which a difference is called at each look, by recursive integration.

    Args:
        shares: of the information, rising, within (0, 1].
    """
    found: list[float] = []
    places, density, before = np.zeros(1), np.ones(1), 0.0  # of the sum z sqrt(t), with the weights of integration
    for share in shares:
        step = np.sqrt(share - before)
        wanted = spent(share) - (spent(before) if before else 0.0)

        bound = HIGHEST_BOUND
        arguments = (share, step, places, density)
        if _beyond(HIGHEST_BOUND, *arguments) < wanted:
            bound = float(
                optimize.brentq(
                    lambda z, wanted, *rest: _beyond(z, *rest) - wanted, 0.0, HIGHEST_BOUND, (wanted, *arguments)
                )
            )
        found.append(bound)
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        fresh = nodes * bound * np.sqrt(share)
        moved = stats.norm.pdf((fresh[:, None] - places) / step) / step @ density
        places, density, before = fresh, moved * weights * bound * np.sqrt(share), share
    return found


def _beyond(z: float, share: float, step: float, places: Array, density: Array) -> float:
    """Return the chance to pass +z at a share, from where the sums were before."""
    return float(density @ stats.norm.sf((z * np.sqrt(share) - places) / step))


def current_look(data: StudyData, scale: str) -> Look | None:
    """Return the last declared look that is reached; None where none was declared or the first is yet to come."""
    declared = [float(share) for share in data.definition.get("analysis", {}).get("looks", ())]
    if not declared:
        return None
    shares = [*declared, 1.0]
    number = len(shares) if data.may_test(scale) else sum(share <= data.share_rated(scale) for share in declared)
    if not number:
        return None
    level = 2 * float(stats.norm.sf(boundaries(shares[:number])[-1]))
    return Look(number, len(shares), shares[number - 1], level)


def ratings_at(look: Look, data: StudyData, frame: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Return the ratings that a look is made of: of the sessions that were complete first, up to its share.

    A look thus has one result, however often it is looked at and whatever has come in since.
    """
    if look.number == look.of:
        return frame
    accepted = frame["accepted"].map(lambda one: one is True).to_numpy(dtype=bool)
    own = frame[accepted & (frame["scale"] == scale).to_numpy(dtype=bool)]
    done = own.groupby("session").agg(last=("rated_at", "max"), ratings=("value", "size")).sort_values("last")
    kept = done.index[done["ratings"].cumsum() <= ceil(look.share * data.wanted_ratings)]
    return frame[frame["session"].isin(set(kept))]


def at_look(comparison: Comparison, look: Look) -> Comparison:
    """Return the comparison at a look's level: p values times 5 % / level, intervals at that level.

    A pair whose corrected p is 5 % or less is different at this look, with 5 % over all looks.
    """
    sizes = {family: sum(one.family == family for one in comparison.pairs) for family in comparison.families}
    return replace(comparison, pairs=tuple(_at_level(one, look.level, sizes[one.family]) for one in comparison.pairs))


def look_note(look: Look) -> str:
    """Return in a sentence how differences are tested at a look."""
    return (
        f"Differences are those of look {look.number} of {look.of}, declared before the study opened, at "
        f"{look.share:.0%} of the wanted ratings. Their p values and intervals are corrected for all looks "
        f"(O'Brien-Fleming-like spending after Lan and DeMets; a pair by itself is tested at {look.level:.5f})."
    )


def _at_level(pair: SystemDifference, level: float, family: int) -> SystemDifference:
    if pair.standard_error is None or pair.p is None:
        return pair
    reach, whole = (float(stats.t.isf(one / 2, pair.df)) * pair.standard_error for one in (level, level / family))
    factor = (1 - LEVEL) / level
    return replace(
        pair,
        low=pair.value - reach,
        high=pair.value + reach,
        p=min(1.0, pair.p * factor),
        p_holm=None if pair.p_holm is None else min(1.0, pair.p_holm * factor),
        low_adjusted=None if pair.low_adjusted is None else pair.value - whole,
        high_adjusted=None if pair.high_adjusted is None else pair.value + whole,
    )
