"""Maximum likelihood of the cumulative logit mixed model, by Laplace's approximation.

P(y <= k) = expit(cut_k - eta), eta = x b + rater + prompt + system:rater + system:prompt, effects normal with mean 0,
as R's `ordinal::clmm` fits it. N ratings, K categories, X fixed columns.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from undertone.studies.analysis.ordinal_criterion import Array, Numbers, OrdinalCriterion

LARGEST_DEVIATION = 12.0  # of an effect, in logits
STEP = 1e-4  # of finite differences of the gradient
ZERO = 1e-3  # standard deviation in logits below which an effect counts as absent


class OrdinalFitError(ValueError):
    """The model cannot be fitted; the text says why."""


@dataclass(frozen=True)
class OrdinalFit:
    """The fit.

    Attributes:
        cuts: [K - 1] rising thresholds, in logits.
        slopes: [X].
        deviations: [4] standard deviations of rater, prompt, system:rater and system:prompt, in logits.
        covariance: [X, X] of the slopes, from the observed information of all parameters.
        errors: [K - 1 + X] standard errors of cuts and slopes.
        log_likelihood: by Laplace's approximation.
    """

    cuts: Array
    slopes: Array
    deviations: Array
    covariance: Array
    errors: Array
    log_likelihood: float
    converged: bool
    evaluations: int


def fit_ordinal(
    y: Numbers,
    x: Array,
    rater: Numbers,
    prompt: Numbers,
    system: Numbers,
    active: tuple[bool, bool, bool, bool] = (True, True, True, True),
) -> OrdinalFit:
    """Fit the model.

    Args:
        y: [N] categories from 0 without a gap.
        x: [N, X] fixed columns, none of them constant: the thresholds are the intercepts.
        rater: [N] numbers from 0.
        prompt: [N] numbers from 0.
        system: [N] numbers from 0, of the interplay with rater and prompt.
        active: which effects there are: rater, prompt, system:rater, system:prompt.
    Raises:
        OrdinalFitError: fewer than two categories, or the ratings leave nothing to tell the effects by.
    """
    counts = np.bincount(y)
    if len(counts) < 2 or counts.min() == 0:
        raise OrdinalFitError("an ordinal model needs two categories or more, each of which was used")
    chosen = np.flatnonzero(active)
    model = OrdinalCriterion(y, x, rater, prompt, system, chosen)
    shares = np.cumsum(counts)[:-1] / counts.sum()
    cuts = np.log(shares / (1 - shares))
    start = np.concatenate([cuts[:1], np.log(np.diff(cuts)), np.zeros(x.shape[1]), np.full(len(chosen), 0.5)])
    free = len(start) - len(chosen)
    bounds = [(None, None)] * free + [(0.0, LARGEST_DEVIATION)] * len(chosen)
    try:
        found = optimize.minimize(
            model.criterion, start, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 300, "ftol": 1e-12, "gtol": 1e-4 * np.sqrt(len(y) / 100)},
        )  # fmt: skip
        information, kept = _information(model, found.x, free)
        inverse = np.linalg.inv(information)
    except (np.linalg.LinAlgError, FloatingPointError) as error:
        raise OrdinalFitError(f"the fit failed ({error})") from error
    cuts, slopes, deviations = model.unpack(found.x)
    number = model.num_cuts
    jacobian = np.eye(len(kept))
    for k in range(1, number):
        jacobian[k:number, k] = cuts[k] - cuts[k - 1]
    jacobian[:number, 0] = 1.0
    covariance = jacobian @ inverse @ jacobian.T
    variances = np.diag(covariance)[:free]
    if not np.isfinite(covariance).all() or (variances <= 0).any():
        raise OrdinalFitError("the ratings are too few, or too alike, to tell the effects apart")
    return OrdinalFit(
        cuts,
        slopes,
        np.where(deviations < ZERO, 0.0, deviations),
        covariance[number:free, number:free],
        np.sqrt(variances),
        -float(found.fun),
        bool(found.success) and bool((deviations < LARGEST_DEVIATION).all()),  # at the edge nothing is found
        int(found.nfev),
    )


def _information(model: OrdinalCriterion, best: Array, free: int) -> tuple[Array, Numbers]:
    """Return the curvature of the criterion in the parameters that are not on the edge of their space, and which."""
    kept = np.flatnonzero(np.concatenate([np.ones(free, dtype=bool), best[free:] > ZERO]))
    columns = []
    for place in kept:
        step = np.zeros(len(best))
        step[place] = STEP
        columns.append((model.criterion(best + step)[1] - model.criterion(best - step)[1])[kept] / (2 * STEP))
    curvature = np.array(columns)
    return (curvature + curvature.T) / 2, kept
