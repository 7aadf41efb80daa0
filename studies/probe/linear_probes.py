"""What latents predict about frames, without editing them: correlations, linear probes, attribute directions.

N frames of all clips, Z latent dims. Everything "within clips" is centred in every clip first: who speaks and how the
recording sounds, which the utterance embedding carries, is then out of the way.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from undertone.engine.probe import Measured
from undertone.studies.measures.intervals import Curve, interval
from undertone.studies.probe.attributes import MIN_FRAMES

if TYPE_CHECKING:  # imported where it is used: a stored report is shown without it
    from sklearn.linear_model import RidgeCV

PENALTIES = tuple(10.0**k for k in range(-2, 6))  # of the ridge regression, on standardised latents
FOLDS = 5
LEAST_SPREAD = 1e-6  # of an attribute, in its unit
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ProbeFrames:
    """Latents beside one attribute, for the frames where it applies."""

    latents: Array  # [N, Z]
    values: Array  # [N]
    clips: NDArray[np.int64]  # [N]
    groups: NDArray[np.int64]  # [N] speaker, or clip where there are too few speakers

    @classmethod
    def where_valid(
        cls, latents: Array, values: Array, clips: NDArray[np.int64], groups: NDArray[np.int64]
    ) -> "ProbeFrames":
        """Drop the frames whose value is NaN, and clips in which too few are left."""
        valid = np.isfinite(values)
        counts = np.bincount(clips[valid], minlength=int(clips.max()) + 1)
        valid &= counts[clips] >= MIN_FRAMES
        return cls(latents[valid], values[valid], clips[valid], groups[valid])

    @property
    def varies(self) -> bool:
        """Return whether there is anything to explain: frames whose values differ within clips."""
        return len(self.values) > 0 and float(_centre_within_clips(self.values, self.clips).std()) > LEAST_SPREAD

    def within_clips(self) -> "ProbeFrames":
        """Return latents and values less their clip's mean."""
        return ProbeFrames(
            _centre_within_clips(self.latents, self.clips),
            _centre_within_clips(self.values, self.clips),
            self.clips,
            self.groups,
        )

    def only(self, dimension: int) -> "ProbeFrames":
        """Return the latents of one dimension."""
        return ProbeFrames(self.latents[:, [dimension]], self.values, self.clips, self.groups)


@dataclass(frozen=True, eq=False)
class Direction:
    """Direction of an attribute in latent space."""

    vector: tuple[float, ...]  # [Z] latents for one sigma
    readout: tuple[float, ...]  # [Z] latents to sigmas


def correlations(frames: ProbeFrames) -> list[Measured]:
    """Return the Pearson correlation of every dimension with the attribute, centred within clips."""
    centred = frames.within_clips()
    y = centred.values
    return [_bootstrap(_sums(np.stack([x * y, x * x, y * y], 1), frames.groups), _pearson) for x in centred.latents.T]


def linear_probe(frames: ProbeFrames) -> Measured | None:
    """Return R2 of the attribute predicted from latents by ridge regression, every speaker from the others.

    None where there is one speaker or clip alone, or nothing to explain. Below 0 the prediction is worse than the mean.
    """
    num_folds = min(FOLDS, len(np.unique(frames.groups)))
    if num_folds < 2 or not frames.varies:
        return None
    from sklearn.model_selection import GroupKFold

    predicted, mean = np.zeros_like(frames.values), np.zeros_like(frames.values)
    for train, test in GroupKFold(num_folds).split(frames.latents, groups=frames.groups):
        model, centre, scale = _fit_ridge(frames.latents[train], frames.values[train])
        predicted[test] = model.predict((frames.latents[test] - centre) / scale)
        mean[test] = frames.values[train].mean()
    errors = np.stack([(frames.values - predicted) ** 2, (frames.values - mean) ** 2], 1)
    return _bootstrap(_sums(errors, frames.groups), lambda sums: 1 - sums[:, 0] / np.maximum(sums[:, 1], 1e-12))


def readout(frames: ProbeFrames) -> Array:
    """Return the ridge weights [Z] that read the attribute off the latents, within clips."""
    centred = frames.within_clips()
    model, _, scale = _fit_ridge(centred.latents, centred.values)
    return np.asarray(model.coef_ / scale)


def directions(weights: Array, covariance: Array) -> list[Direction]:
    """Return a direction for each attribute that leaves the predictions of the others as they are.

    Of all such changes of the latents the most likely one is taken: covariance W (W' covariance W)^-1, for one
    attribute the pattern of Haufe et al. (2014). One sigma is the standard deviation of what an attribute's reading
    does by itself, the others held.

    Args:
        weights: W, [Z, attributes], what reads each attribute off the latents; each has some slope.
        covariance: [Z, Z] of the latents of all frames.
    """
    weights = weights / np.sqrt(np.einsum("za,zy,ya->a", weights, covariance, weights))
    precision = np.linalg.pinv(weights.T @ covariance @ weights, rcond=1e-6)
    vectors = covariance @ weights @ precision
    found = []
    for weight, vector in zip(weights.T, vectors.T, strict=True):
        sigma = float(np.sqrt(vector @ np.linalg.pinv(covariance, rcond=1e-9) @ vector))
        unit = vector / sigma
        found.append(Direction(tuple(unit.tolist()), tuple((weight / (weight @ unit)).tolist())))
    return found


def _fit_ridge(latents: Array, values: Array) -> "tuple[RidgeCV, Array, Array]":
    from sklearn.linear_model import RidgeCV

    centre, scale = latents.mean(0), np.maximum(latents.std(0), 1e-9)
    return RidgeCV(alphas=PENALTIES).fit((latents - centre) / scale, values), centre, scale


def _centre_within_clips(values: Array, clips: NDArray[np.int64]) -> Array:
    columns = values.reshape(len(values), -1)
    sums, counts = np.zeros((int(clips.max()) + 1, columns.shape[1])), np.bincount(clips)
    np.add.at(sums, clips, columns)
    means = sums / np.maximum(counts, 1)[:, None]
    return (columns - means[clips]).reshape(values.shape)


def _sums(rows: Array, groups: NDArray[np.int64]) -> Array:
    """Return sums over groups, [groups, columns]."""
    labels, index = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(labels), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def _pearson(sums: Array) -> Array:
    return np.asarray(sums[:, 0] / np.sqrt(np.maximum(sums[:, 1] * sums[:, 2], 1e-24)))


def _bootstrap(sums: Array, statistic: Curve) -> Measured:
    low, value, high = interval(sums, statistic)
    return Measured(value=value, low=low, high=high)


def number_labels(labels: Sequence[Hashable]) -> NDArray[np.int64]:
    """Return the labels as numbers in order of appearance."""
    number = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    return np.array([number[label] for label in labels], dtype=np.int64)
