"""The criterion of the cumulative logit mixed model, by Laplace's approximation, and its exact gradient.

Given the effects of the smaller side (raters or prompts) the members of the larger side are independent, so that each
of these is eliminated by itself and one dense matrix over the smaller side is left. The gradient goes through the mode
of the effects and through the determinant.

N ratings, K categories, X fixed columns, M members of the larger side, W effects of each (1 + systems), n its ratings,
m the effects of the smaller side that it met.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
NEWTON_STEPS = 50
HALVINGS = 30
TIGHT = 1e-6  # of a Newton step, in standard deviations of the effects


@dataclass(frozen=True)
class _Factored:
    """The curvature in the effects, factored: of the smaller side, and of each member of the larger side.

    Attributes:
        factor: Cholesky factor of the smaller side.
        inverses: [M, W, W] of each member.
        bridges: [M, W, m] of each member to what it met.
    """

    factor: tuple[Array, bool]
    inverses: Array
    bridges: Array
    log_determinant: float


class OrdinalCriterion:
    """Negative log likelihood of one set of ratings, which keeps the mode of the effects between evaluations."""

    def __init__(self, y: Numbers, x: Array, rater: Numbers, prompt: Numbers, system: Numbers, active: Numbers) -> None:
        self.y, self.x, self.active = y, x, active
        self.num_cuts, self.num_slopes = int(y.max()), x.shape[1]
        # Effect kinds of the larger side (main, by system) and of the smaller one, as places in `deviations`.
        self.large, self.small = ((0, 2), (1, 3)) if rater.max() >= prompt.max() else ((1, 3), (0, 2))
        large, small = (rater, prompt) if self.large == (0, 2) else (prompt, rater)
        self.width = 1 + int(system.max()) + 1
        self.num_large, self.num_small = int(large.max()) + 1, (int(small.max()) + 1) * self.width
        # Ratings by member of the larger side, padded to the longest: a padded place has weight zero everywhere.
        order = np.argsort(large, kind="stable")
        self.member = large[order]
        self.place = np.arange(len(y)) - np.searchsorted(self.member, self.member)
        self.order = order
        longest = int(self.place.max()) + 1
        own = np.zeros((self.num_large, longest, self.width))
        own[self.member, self.place, 0] = 1.0
        own[self.member, self.place, 1 + system[order]] = 1.0
        both = np.stack([small[order] * self.width, small[order] * self.width + 1 + system[order]], axis=1)
        keys, where = np.unique(self.member[:, None] * self.num_small + both, return_inverse=True)
        owner = keys // self.num_small
        column = np.arange(len(keys)) - np.searchsorted(owner, owner)
        self.met = np.full((self.num_large, int(column.max()) + 1), self.num_small)  # padded: one effect too many
        self.met[owner, column] = keys % self.num_small
        other = np.zeros((self.num_large, longest, self.met.shape[1]))
        for side in (0, 1):
            other[self.member, self.place, column[where.reshape(both.shape)[:, side]]] = 1.0
        self.own, self.other = own, other
        self.pairs = (self.met[:, :, None] * (self.num_small + 1) + self.met[:, None, :]).ravel()
        self.effects_large = np.zeros((self.num_large, self.width))
        self.effects_small = np.zeros(self.num_small)

    def unpack(self, parameters: Array) -> tuple[Array, Array, Array]:
        """Return cuts, slopes and the four deviations; cuts are kept rising by the logarithms of their gaps."""
        cuts = parameters[0] + np.concatenate([[0.0], np.cumsum(np.exp(parameters[1 : self.num_cuts]))])
        deviations = np.zeros(4)
        deviations[self.active] = parameters[self.num_cuts + self.num_slopes :]
        return cuts, parameters[self.num_cuts : self.num_cuts + self.num_slopes], deviations

    def _tails(self, cuts: Array, eta: Array) -> tuple[Array, Array]:
        """Return the upper and lower end of each rating's category on the logistic scale, less eta."""
        ends = np.concatenate([[-np.inf], cuts, [np.inf]])
        return ends[self.y + 1] - eta, ends[self.y] - eta

    def _log_likelihood(self, cuts: Array, eta: Array) -> float:
        upper, lower = self._tails(cuts, eta)
        # log(expit(a) - expit(b)) without cancellation: log(1 - exp(b - a)) + log expit(a) + log expit(-b)
        with np.errstate(invalid="ignore"):
            gap = np.where(np.isinf(upper) | np.isinf(lower), 0.0, np.log1p(-np.exp(lower - upper)))
        return float((gap - np.logaddexp(0, -upper) - np.logaddexp(0, lower)).sum())

    def _padded(self, values: Array) -> Array:
        """Return values [N] as [M, n]."""
        padded = np.zeros(self.own.shape[:2])
        padded[self.member, self.place] = values[self.order]
        return padded

    def _ratings(self, padded: Array) -> Array:
        """Return values [M, n] as [N]."""
        values = np.empty(len(self.y))
        values[self.order] = padded[self.member, self.place]
        return values

    def _at_met(self, small: Array) -> Array:
        """Return values of the smaller side's effects at what each member met, [M, m]; 0 where padded."""
        return np.append(small, 0.0)[self.met]

    def _summed(self, values: Array) -> Array:
        """Return sums over members of values [M, m] at each effect of the smaller side."""
        sums = np.bincount(self.met.ravel(), values.ravel(), self.num_small + 1)[: self.num_small]
        return sums.astype(np.float64)

    def _eta(self, fixed: Array, scales: tuple[Array, Array], large: Array, small: Array) -> Array:
        parts = self.own @ (scales[0] * large)[:, :, None] + self.other @ self._at_met(scales[1] * small)[:, :, None]
        return fixed + self._ratings(parts[:, :, 0])

    def _scales(self, deviations: Array) -> tuple[Array, Array]:
        """Return the deviations of the effects of a member of the larger side [W], and of the smaller side's."""
        large, small = (np.repeat(deviations[list(kind)], (1, self.width - 1)) for kind in (self.large, self.small))
        return large, np.tile(small, self.num_small // self.width)

    def criterion(self, parameters: Array) -> tuple[float, Array]:
        """Return the negative log likelihood and its gradient."""
        cuts, slopes, deviations = self.unpack(parameters)
        scales, fixed = self._scales(deviations), self.x @ slopes
        large, small = self.effects_large, self.effects_small
        eta = self._eta(fixed, scales, large, small)

        def joint(eta: Array, large: Array, small: Array) -> float:
            return -self._log_likelihood(cuts, eta) + 0.5 * float((large**2).sum() + (small**2).sum())

        value = joint(eta, large, small)
        for _ in range(NEWTON_STEPS):
            upper, lower = self._tails(cuts, eta)
            above, below = expit(upper), expit(lower)
            score, weight = above + below - 1.0, above * (1 - above) + below * (1 - below)
            parts = self._factor(weight, scales)
            step_large, step_small = self._solve(parts, *self._backward(score, scales, large, small))
            size = max(np.abs(step_large).max(), np.abs(step_small).max())
            factor = 1.0
            for _ in range(HALVINGS):
                tried = (large + factor * step_large, small + factor * step_small)
                tried_eta = self._eta(fixed, scales, *tried)
                tried_value = joint(tried_eta, *tried)
                if tried_value <= value + 1e-10 * abs(value):
                    break
                factor /= 2
            (large, small), eta, value = tried, tried_eta, tried_value
            if size < TIGHT:
                break
        self.effects_large, self.effects_small = large, small
        upper, lower = self._tails(cuts, eta)
        above, below = expit(upper), expit(lower)
        dens_above, dens_below = above * (1 - above), below * (1 - below)
        parts = self._factor(dens_above + dens_below, scales)
        total = value + 0.5 * parts.log_determinant
        return total, self._gradient(cuts, deviations, (above, below), (dens_above, dens_below), parts, scales)

    def _backward(self, score: Array, scales: tuple[Array, Array], large: Array, small: Array) -> tuple[Array, Array]:
        """Return minus the gradient of the joint criterion in the effects."""
        on_large, on_small = self._collect(score)
        return scales[0] * on_large - large, scales[1] * on_small - small

    def _collect(self, values: Array) -> tuple[Array, Array]:
        """Return sums of values [N] over the ratings of each effect."""
        padded = self._padded(values)[:, None, :]
        return (padded @ self.own)[:, 0], self._summed((padded @ self.other)[:, 0])

    def _scaled(self, scales: tuple[Array, Array]) -> tuple[Array, Array]:
        """Return the columns of both sides' effects, times their deviations."""
        return self.own * scales[0], self.other * self._at_met(scales[1])[:, None, :]

    def _factor(self, weight: Array, scales: tuple[Array, Array]) -> _Factored:
        own, other = self._scaled(scales)
        padded = self._padded(weight)[:, :, None]
        weighted = (own * padded).transpose(0, 2, 1)
        inverses: Array = np.linalg.inv(np.eye(self.width) + weighted @ own).astype(np.float64)
        cross = weighted @ other
        bridges = inverses @ cross
        left = (other * padded).transpose(0, 2, 1) @ other - cross.transpose(0, 2, 1) @ bridges
        size = self.num_small + 1
        whole = np.bincount(self.pairs, left.ravel(), size * size).reshape(size, size)[:-1, :-1]
        factor = cho_factor(whole + np.eye(self.num_small), lower=True)
        log_determinant = 2 * float(np.log(np.diag(factor[0])).sum()) - float(np.linalg.slogdet(inverses)[1].sum())
        return _Factored(factor, inverses, bridges, log_determinant)

    def _solve(self, parts: _Factored, large: Array, small: Array) -> tuple[Array, Array]:
        right = small - self._summed((large[:, None, :] @ parts.bridges)[:, 0])
        solved = cho_solve(parts.factor, right)
        found = parts.inverses @ large[:, :, None] - parts.bridges @ self._at_met(solved)[:, :, None]
        return found[:, :, 0], solved

    def _gradient(
        self,
        cuts: Array,
        deviations: Array,
        tails: tuple[Array, Array],
        densities: tuple[Array, Array],
        parts: _Factored,
        scales: tuple[Array, Array],
    ) -> Array:
        """Return the gradient in the parameters at the mode of the effects."""
        (above, below), (dens_above, dens_below) = tails, densities
        slope_above, slope_below = dens_above * (1 - 2 * above), dens_below * (1 - 2 * below)
        score, weight = above + below - 1.0, dens_above + dens_below
        inverse = cho_solve(parts.factor, np.eye(self.num_small))
        own, other = self._scaled(scales)
        met_inverse = np.pad(inverse, ((0, 1), (0, 1)))[self.met[:, :, None], self.met[:, None, :]]
        rest = other - own @ parts.bridges
        leverage = self._ratings(((own @ parts.inverses) * own).sum(2) + ((rest @ met_inverse) * rest).sum(2))
        diagonal_large = np.diagonal(parts.inverses, axis1=1, axis2=2) + (
            (parts.bridges @ met_inverse) * parts.bridges
        ).sum(2)
        half_slope = -0.5 * leverage * (slope_above + slope_below)  # of half the log determinant in eta
        on_large, on_small = self._collect(half_slope)
        back = self._solve(parts, scales[0] * on_large, scales[1] * on_small)
        pull = self._eta(np.zeros(len(self.y)), scales, *back)
        in_eta = -score + half_slope - pull * weight
        share = above - below
        with np.errstate(divide="ignore", invalid="ignore"):
            in_upper = -dens_above / share + 0.5 * leverage * slope_above + pull * dens_above
            in_lower = dens_below / share + 0.5 * leverage * slope_below + pull * dens_below
        in_cuts = (
            np.bincount(self.y, in_upper, self.num_cuts + 1)[: self.num_cuts]
            + np.bincount(self.y, in_lower, self.num_cuts + 1)[1:]
        )
        from_here = np.cumsum(in_cuts[::-1])[::-1]
        gaps = np.diff(cuts)
        in_deviations = self._in_deviations(deviations, in_eta, score, back, diagonal_large, np.diag(inverse))
        return np.concatenate([from_here[:1], from_here[1:] * gaps, self.x.T @ in_eta, in_deviations[self.active]])

    def _in_deviations(
        self, deviations: Array, in_eta: Array, score: Array, back: tuple[Array, Array], large: Array, small: Array
    ) -> Array:
        """Return the gradient in the four deviations; `large` and `small` are the diagonal of the inverse."""
        eta_sums, score_sums = self._collect(in_eta), self._collect(score)
        found = np.zeros(4)
        shaped = (self.num_large, self.width), (self.num_small // self.width, self.width)
        sides = zip((self.large, self.small), shaped, (0, 1), strict=True)
        effects, diagonals = (self.effects_large, self.effects_small), (large, small)
        for kinds, shape, side in sides:
            direct = (effects[side] * eta_sums[side] + back[side] * score_sums[side]).reshape(shape)
            lost = (1.0 - diagonals[side]).reshape(shape)
            for kind, columns in zip(kinds, (slice(0, 1), slice(1, None)), strict=True):
                found[kind] = direct[:, columns].sum()
                if deviations[kind] > 0:
                    found[kind] += lost[:, columns].sum() / deviations[kind]
        return found
