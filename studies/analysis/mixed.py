"""A second opinion on the scores: the maximal mixed model, fitted by restricted maximum likelihood."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats

from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.ratings_frame import select, systems_of

LARGEST = 2500  # ratings; the fit takes about 3 s for 600, 12 s for 1200 and grows with their square
_NOTHING = 1e-9  # share of the variance that is rounding: nothing is left to tell errors by
_NOT_ESTIMABLE = "the fit gives no intervals: these ratings are too few, or too alike, to tell its effects apart"


@dataclass(frozen=True)
class MixedMean:
    """One system's mean by the mixed model."""

    system: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MixedModel:
    """What the model found; empty, with `note`, where it cannot be fitted or did not converge."""

    scale: str
    ratings: int
    converged: bool
    means: tuple[MixedMean, ...]
    components: VarianceComponents | None
    note: str = ""


def mixed_model(frame: pd.DataFrame, scale: str, screened: bool = True, largest: int = LARGEST) -> MixedModel:
    """Fit value = system + (rater) + (prompt) + (system:rater) + (system:prompt) + rest, effects in brackets random.

    Only the interplay of system with rater and with prompt makes the model honest: with rater and prompt alone it calls
    equal systems different in 17 % of simulated studies.

    Args:
        frame: a row for each rating.
        scale: its name.
        screened: only accepted sessions.
        largest: number of ratings above which the fit is left out, as it would take minutes.
    Raises:
        AnalysisError: there is nothing on the scale.
    """
    ratings = select(frame, scale, screened)
    names = systems_of(ratings)
    df = min(ratings["rater"].nunique(), ratings["prompt"].nunique()) - 1
    reason = _why_not(ratings, names, df, largest)
    if reason:
        return MixedModel(scale, len(ratings), False, (), None, reason)
    table = ratings.assign(
        one=1,
        system=ratings["system"].astype(str),
        system_rater=ratings["system"].astype(str) + ":" + ratings["rater"].astype(str),
        system_prompt=ratings["system"].astype(str) + ":" + ratings["prompt"].astype(str),
    )
    variances = {name: f"0 + C({name})" for name in ("rater", "prompt", "system_rater", "system_prompt")}
    fixed = "value ~ 0 + C(system)" if len(names) > 1 else "value ~ 1"
    if len(names) == 1:
        variances = {name: variances[name] for name in ("rater", "prompt")}
    model = smf.mixedlm(fixed, table, groups="one", re_formula="0", vc_formula=variances, use_sparse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a component at zero is at the edge of its space; it is reported as zero
        try:
            fit = model.fit(reml=True, method="lbfgs")
            errors = np.asarray(fit.bse_fe)
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError) as error:
            return MixedModel(scale, len(ratings), False, (), None, f"the fit failed ({error})")
    found = dict(zip(model.exog_vc.names, (float(value) for value in fit.vcomp), strict=True))
    interplay = (found.get("system_rater", 0.0), found.get("system_prompt", 0.0))
    components = VarianceComponents(found["rater"], found["prompt"], *interplay, float(fit.scale))
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, df))
    estimates = zip(names, np.asarray(fit.fe_params), errors, strict=True)
    means = tuple(
        MixedMean(name, float(value), float(value - quantile * error), float(value + quantile * error))
        for name, value, error in estimates
    )
    explained = components.residual <= _NOTHING * float(np.var(ratings["value"]))
    if explained or not _is_finite(means, components):
        return MixedModel(scale, len(ratings), False, (), None, _NOT_ESTIMABLE)
    return MixedModel(scale, len(ratings), bool(fit.converged), means, components)


def _is_finite(means: tuple[MixedMean, ...], components: VarianceComponents) -> bool:
    """Return whether every number was estimated."""
    numbers = [end for mean in means for end in (mean.value, mean.low, mean.high)]
    return bool(np.isfinite([*numbers, *components.named().values()]).all())


def _why_not(ratings: pd.DataFrame, names: list[str], df: int, largest: int) -> str:
    if df < 1:
        return "one rater or one prompt: there are no two effects to tell apart"
    if np.ptp(ratings["value"]) == 0:
        return "the ratings do not vary: there is nothing to explain"
    if len(ratings) > largest:
        return f"{len(ratings)} ratings would take minutes; call mixed_model(..., largest={len(ratings)}) to fit it"
    if len(ratings) <= len(names) + 5:
        return f"{len(ratings)} ratings are too few for {len(names)} means and five variances"
    return ""
