"""Where the variation of ratings comes from: raters, prompts, their interplay with systems, and the rest.

The model is value = system + rater + prompt + system:rater + system:prompt + rest. Each variance follows from products
of residuals of pairs of ratings that share just that: two ratings by one rater in different systems and prompts share
the rater's effect, in one system also the rater's liking of it. No distribution is assumed and nothing iterates to
convergence, so it also works where the mixed model does not. Rater and prompt meet once, so their interplay is rest.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.ratings_frame import codes, select, systems_of

Array = NDArray[np.float64]
ROUNDS = 20  # of the correction for estimated means; it settles within ten


@dataclass(frozen=True)
class VarianceComponents:
    """Variances on the scale's own unit, squared.

    Attributes:
        pairs: how many pairs of ratings each was told from; empty for assumed components.
        note: what could not be told, and what was taken instead.
    """

    rater: float
    prompt: float
    system_rater: float
    system_prompt: float
    residual: float
    pairs: dict[str, int] = field(default_factory=dict)
    note: str = ""

    @classmethod
    def of_deviations(
        cls, rater: float, prompt: float, system_rater: float, system_prompt: float, residual: float
    ) -> "VarianceComponents":
        """Return the components from standard deviations, which are easier to imagine."""
        return cls(rater**2, prompt**2, system_rater**2, system_prompt**2, residual**2)

    @property
    def total(self) -> float:
        """Return the variance of a single rating of one system."""
        return self.rater + self.prompt + self.system_rater + self.system_prompt + self.residual

    def named(self) -> dict[str, float]:
        """Return the components by name, in the order of the model."""
        return {
            "rater": self.rater,
            "prompt": self.prompt,
            "system x rater": self.system_rater,
            "system x prompt": self.system_prompt,
            "rest": self.residual,
        }


@dataclass(frozen=True)
class _Layout:
    """Who rated what: numbers of rater, prompt and system for each rating, and how often each met each system."""

    rater: NDArray[np.int64]
    prompt: NDArray[np.int64]
    system: NDArray[np.int64]

    def shares(self, column: NDArray[np.int64]) -> Array:
        """Return the share [S, members] of each system's ratings that each rater or prompt has."""
        table = np.zeros((int(self.system.max()) + 1, int(column.max()) + 1))
        np.add.at(table, (self.system, column), 1.0)
        return table / table.sum(1, keepdims=True)


def variance_components(frame: pd.DataFrame, scale: str, screened: bool = True) -> VarianceComponents:
    """Estimate the components from the ratings on one scale.

    Raises:
        AnalysisError: no ratings, or none that share a rater or a prompt.
    """
    ratings = select(frame, scale, screened)
    system = np.searchsorted(systems_of(ratings), ratings["system"].astype(str))
    layout = _Layout(codes(ratings["rater"]), codes(ratings["prompt"]), system)
    return estimate_components(ratings["value"].to_numpy(), layout.rater, layout.prompt, layout.system)


def estimate_components(
    y: Array, rater: NDArray[np.int64], prompt: NDArray[np.int64], system: NDArray[np.int64]
) -> VarianceComponents:
    """Estimate the components from numbers: [N] ratings, and [N] numbers of rater, prompt and system."""
    layout = _Layout(rater, prompt, system)
    sizes = np.bincount(system)
    residual = y - (np.bincount(system, weights=y) / sizes)[system]
    products, pairs = _shared_products(residual, layout)
    if not pairs["rater"] and not pairs["system_rater"]:
        raise AnalysisError(
            f"no rater gave two of the {len(y)} ratings: what raters share cannot be told. "
            "Let each rater hear several clips."
        )
    if not pairs["prompt"] and not pairs["system_prompt"]:
        raise AnalysisError(
            f"no prompt has two of the {len(y)} ratings: what prompts share cannot be told. "
            "Let several raters hear each prompt."
        )
    found, note = _solve(products, pairs, (0.0, 0.0))
    shares = (layout.shares(layout.rater), layout.shares(layout.prompt))
    for _ in range(ROUNDS):  # residuals vary less than errors, by what the estimated means vary
        found, note = _solve(products, pairs, _lost(found, *shares, sizes))
    return replace(found, pairs=pairs, note=note)


def _shared_products(residual: Array, layout: _Layout) -> tuple[dict[str, float], dict[str, int]]:
    """Return the mean product of residuals over pairs that share only what the key says, and their number."""
    rater, prompt, system = layout.rater, layout.prompt, layout.system
    rater_prompt = _pairs(residual, rater, prompt)
    same_all = _pairs(residual, rater, prompt, system)
    by_rater, by_rater_system = _pairs(residual, rater), _pairs(residual, rater, system)
    by_prompt, by_prompt_system = _pairs(residual, prompt), _pairs(residual, prompt, system)
    kinds = {
        "rater": by_rater - by_rater_system - (rater_prompt - same_all),
        "system_rater": by_rater_system - same_all,
        "prompt": by_prompt - by_prompt_system - (rater_prompt - same_all),
        "system_prompt": by_prompt_system - same_all,
    }
    products = {name: float(total / count) if count else 0.0 for name, (total, count) in kinds.items()}
    products["total"] = float(np.mean(residual**2))
    return products, {name: int(count) // 2 for name, (_, count) in kinds.items()}


def _pairs(residual: Array, *keys: NDArray[np.int64]) -> Array:
    """Sum of products and number of ordered pairs of ratings that agree in all keys."""
    group = np.unique(np.stack(keys, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    sums, sizes = np.bincount(group, weights=residual), np.bincount(group)
    return np.array([(sums**2).sum() - (residual**2).sum(), (sizes**2).sum() - len(residual)])


def _solve(
    products: dict[str, float], pairs: dict[str, int], lost: tuple[float, float]
) -> tuple[VarianceComponents, str]:
    """Solve for the components from mean products, each given back what the means took (across systems, within one)."""
    across, within = lost
    notes = []
    main, interplay = {}, {}
    for name in ("rater", "prompt"):
        both = products[f"system_{name}"] + within if pairs[f"system_{name}"] else None
        alone = products[name] + across if pairs[name] else None
        if alone is None:
            notes.append(f"{name} and system x {name} cannot be told apart and are given as {name}")
        elif both is None:
            notes.append(f"no {name} met a system twice: system x {name} is part of the rest")
        main[name] = max(0.0, both or 0.0) if alone is None else max(0.0, alone)
        interplay[name] = max(0.0, both - main[name]) if both is not None and alone is not None else 0.0
    rest = max(0.0, products["total"] + within - sum(main.values()) - sum(interplay.values()))
    found = VarianceComponents(main["rater"], main["prompt"], interplay["rater"], interplay["prompt"], rest)
    return found, "; ".join(notes)


def _lost(found: VarianceComponents, rater: Array, prompt: Array, sizes: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean covariance of two systems' means and the mean variance of one's, from shares [S, members]."""
    shared = found.rater * rater @ rater.T + found.prompt * prompt @ prompt.T
    own = found.system_rater * (rater**2).sum(1) + found.system_prompt * (prompt**2).sum(1) + found.residual / sizes
    num_systems = len(sizes)
    apart = shared[~np.eye(num_systems, dtype=bool)]
    return float(apart.mean()) if num_systems > 1 else 0.0, float((np.diag(shared) + own).mean())
