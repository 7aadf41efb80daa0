"""Restricted maximum likelihood of the mixed model of ratings, fast enough for any study.

The model is y = mean of the system + rater + prompt + system:rater + system:prompt + rest. A rating belongs to one
system, so that given the effects of rater and prompt the systems are independent: the effects of one system's raters
and prompts are eliminated first, system by system, and what is left has as many rows as there are raters and prompts
(a bordered block-diagonal matrix). The profiled criterion is that of Bates, Maechler, Bolker and Walker (2015, eq. 41);
degrees of freedom are Satterthwaite's, as in lmerTest (Kuznetsova, Brockhoff and Christensen, 2017).

N ratings, R raters, P prompts, M = R + P, S systems.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.linalg import cho_factor, cho_solve, solve_triangular

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
ZERO = 1e-4  # relative standard deviation below which an effect counts as absent
STEP = 1e-3  # of finite differences, relative


@dataclass(frozen=True)
class Profile:
    """The criterion at one set of relative deviations, with what follows from it.

    Attributes:
        deviance: REML deviance with the means and the residual variance profiled out.
        means: [S] generalised least squares estimates.
        covariance: [S, S] of the means, divided by the residual variance.
        residual: residual variance.
        log_determinants: the part of the deviance that does not depend on the residual variance.
        squares: weighted sum of squared residuals.
    """

    deviance: float
    means: Array
    covariance: Array
    residual: float
    log_determinants: float
    squares: float


@dataclass(frozen=True)
class Reml:
    """The fit.

    Attributes:
        variances: of rater, prompt, system:rater, system:prompt and the rest.
        means: [S].
        covariance: [S, S] of the means.
        converged: whether the optimiser says so.
        evaluations: of the criterion.
    """

    variances: Array
    means: Array
    covariance: Array
    deviance: float
    converged: bool
    evaluations: int
    _ratings: "Ratings"

    def satterthwaite(self, contrasts: Array) -> Array:
        """Return the degrees of freedom [C] of contrasts [C, S] of the means: 2 v^2 / (g' A g).

        v is the contrast's variance, g its gradient in the variances and A their covariance, from the curvature of the
        deviance. Variances at zero lie on the edge of their space and are taken as known, as lmerTest does in effect.
        """
        free = np.flatnonzero(np.sqrt(self.variances / self.variances[-1]) > ZERO)
        # In standard deviations: their scale is one, and none of the free ones is near zero.
        start = np.sqrt(self.variances)
        steps = STEP * np.maximum(start[free], 0.05 * start[-1])

        def at(moves: Array) -> tuple[float, Array]:
            deviations = start.copy()
            deviations[free] += moves
            return self._ratings.full_deviance(deviations**2)

        count = len(free)
        unit = np.diag(steps)
        centre = at(np.zeros(count))[0]
        ends = [(at(unit[k]), at(-unit[k])) for k in range(count)]
        hessian = np.zeros((count, count))
        for k in range(count):
            hessian[k, k] = (ends[k][0][0] - 2 * centre + ends[k][1][0]) / steps[k] ** 2
            for j in range(k):
                corner = at(unit[k] + unit[j])[0] + at(-unit[k] - unit[j])[0]
                sides = sum(end[0] for own in (k, j) for end in ends[own])
                hessian[k, j] = hessian[j, k] = (corner - sides + 2 * centre) / (2 * steps[k] * steps[j])
        covariance = 2 * np.linalg.pinv(hessian, rcond=1e-9, hermitian=True)
        variance = np.einsum("cs,st,ct->c", contrasts, self.covariance, contrasts)
        slopes = np.stack(
            [
                np.einsum("cs,st,ct->c", contrasts, up[1] - down[1], contrasts) / (2 * step)
                for (up, down), step in zip(ends, steps, strict=True)
            ],
            axis=1,
        )
        spread = np.einsum("ck,kj,cj->c", slopes, covariance, slopes)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = np.where(spread > 0, 2 * variance**2 / spread, np.inf)
        return np.asarray(np.clip(df, 1.0, self._ratings.count - len(self.means)), dtype=np.float64)


class Ratings:
    """Cross products of one scale's ratings, made once: all that the criterion needs.

    Args:
        y: [N] ratings.
        rater: [N] numbers from 0.
        prompt: [N] numbers from 0.
        system: [N] numbers from 0.
    """

    def __init__(self, y: Array, rater: Numbers, prompt: Numbers, system: Numbers) -> None:
        self.count = len(y)
        self.num_raters, self.num_prompts = int(rater.max()) + 1, int(prompt.max()) + 1
        self.num_systems = int(system.max()) + 1
        self.parts = []
        for one in range(self.num_systems):
            chosen = system == one
            columns = np.stack([rater[chosen], self.num_raters + prompt[chosen]], axis=1)
            members, numbered = np.unique(columns, return_inverse=True)
            numbered = numbered.reshape(columns.shape)
            gram = np.zeros((len(members), len(members)))
            for a in (0, 1):
                for b in (0, 1):
                    np.add.at(gram, (numbered[:, a], numbered[:, b]), 1.0)
            values = y[chosen]
            sums = np.stack([np.bincount(numbered.ravel(), minlength=len(members))] * 2, axis=1).astype(np.float64)
            sums[:, 1] = np.bincount(numbered[:, 0], weights=values, minlength=len(members)) + np.bincount(
                numbered[:, 1], weights=values, minlength=len(members)
            )
            inner = np.array([[chosen.sum(), values.sum()], [values.sum(), values @ values]], dtype=np.float64)
            self.parts.append((members, gram, sums, inner))

    def profile(self, relative: Array) -> Profile:
        """Return the criterion at standard deviations relative to the rest's, [4]."""
        size = self.num_raters + self.num_prompts
        scale = np.repeat(relative[:2], (self.num_raters, self.num_prompts))
        own_scale = np.repeat(relative[2:], (self.num_raters, self.num_prompts))
        outer = np.eye(size)
        border = np.zeros((size, self.num_systems + 1))  # of the means' columns and of y
        corner = np.zeros((self.num_systems + 1, self.num_systems + 1))
        log_determinant = 0.0
        for one, (members, gram, sums, inner) in enumerate(self.parts):
            weights = own_scale[members]
            own = cho_factor(weights[:, None] * gram * weights + np.eye(len(members)), lower=True)
            log_determinant += 2 * float(np.log(np.diag(own[0])).sum())
            half = solve_triangular(own[0], weights[:, None] * np.hstack([gram, sums]), lower=True, check_finite=False)
            cross = half.T @ half
            size_own = len(members)
            own_outer = scale[members]
            index = np.ix_(members, members)
            outer[index] += own_outer[:, None] * (gram - cross[:size_own, :size_own]) * own_outer
            left = own_outer[:, None] * (sums - cross[:size_own, size_own:])
            border[members, one] += left[:, 0]
            border[members, -1] += left[:, 1]
            own_corner = inner - cross[size_own:, size_own:]
            corner[one, one] += own_corner[0, 0]
            corner[one, -1] += own_corner[0, 1]
            corner[-1, one] += own_corner[0, 1]
            corner[-1, -1] += own_corner[1, 1]
        factor = cho_factor(outer, lower=True)
        log_determinant += 2 * float(np.log(np.diag(factor[0])).sum())
        reduced = corner - border.T @ cho_solve(factor, border)
        normal, right = reduced[:-1, :-1], reduced[:-1, -1]
        means = np.linalg.solve(normal, right)
        squares = float(max(reduced[-1, -1] - right @ means, 0.0))
        log_determinant += float(np.linalg.slogdet(normal)[1])
        left_over = self.count - self.num_systems
        residual = squares / left_over
        with np.errstate(divide="ignore"):
            deviance = log_determinant + left_over * (1 + np.log(2 * np.pi * residual))
        return Profile(float(deviance), means, np.linalg.inv(normal), residual, log_determinant, squares)

    def full_deviance(self, variances: Array) -> tuple[float, Array]:
        """Return the REML deviance at five variances, and the covariance [S, S] of the means there."""
        found = self.profile(np.sqrt(variances[:-1] / variances[-1]))
        left_over = self.count - self.num_systems
        deviance = (
            found.log_determinants + left_over * np.log(2 * np.pi * variances[-1]) + found.squares / variances[-1]
        )
        return float(deviance), found.covariance * variances[-1]


def fit_reml(y: Array, rater: Numbers, prompt: Numbers, system: Numbers, start: Array | None = None) -> Reml:
    """Fit by maximising the restricted likelihood over four relative standard deviations.

    Args:
        y: [N] ratings.
        rater: [N] numbers from 0.
        prompt: [N] numbers from 0.
        system: [N] numbers from 0; with a single one its interplay with raters and prompts is left out.
        start: five variances to begin with, for example of `components`.
    Raises:
        LinAlgError: the ratings leave nothing to tell the effects by.
    """
    ratings = Ratings(y, rater, prompt, system)
    active = 4 if ratings.num_systems > 1 else 2
    first = np.full(4, 0.5)
    if start is not None and start[-1] > 0:
        first = np.clip(np.sqrt(start[:-1] / start[-1]), 0.05, 10.0)

    def spread(relative: Array) -> Array:
        return np.concatenate([relative, np.zeros(4 - active)])

    found = optimize.minimize(
        lambda relative: ratings.profile(spread(relative)).deviance,
        first[:active],
        method="COBYQA",
        bounds=optimize.Bounds(np.zeros(active), np.full(active, 100.0)),
        options={"initial_tr_radius": 0.2, "final_tr_radius": 1e-5, "maxfev": 600},
    )
    relative = spread(np.where(found.x < ZERO, 0.0, found.x))
    best = ratings.profile(relative)
    variances = np.append(relative**2, 1.0) * best.residual
    return Reml(
        variances,
        best.means,
        best.covariance * best.residual,
        best.deviance,
        bool(found.success),
        int(found.nfev),
        ratings,
    )
