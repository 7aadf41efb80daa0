"""The likelihood of choices among clips, and the strengths that make it largest.

A trial shows a set of systems, S of N in all, with strengths theta. The best is chosen with probability
exp(theta_i) / sum of the set's exp(theta) (Luce's choice axiom: Bradley-Terry for two, Plackett-Luce for more); the
worst of those that are left with the same rule on -theta. A trial of a pair is one term, a best-worst trial is two.

Legend: N terms, K most clips of a set, S systems.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_STEPS = 100  # of Newton's method; ten are usual
_TOLERANCE = 1e-9


def best_and_worst(values: Sequence[float]) -> tuple[int | None, int | None]:
    """Return the places of the clips of a set that were named best and worst, by their answers; None where none was."""
    best, worst = max(values), min(values)
    return values.index(best) if best > 0 else None, values.index(worst) if worst < 0 else None


@dataclass(frozen=True)
class Terms:
    """Terms of the likelihood.

    Attributes:
        members: [N, K] systems of each set, -1 where a set has fewer than K.
        chosen: [N] column of `members` that was chosen.
        signs: [N] 1.0 where the best was chosen, -1.0 where the worst.
        weights: [N] 1.0, or 0.5 for each half of a tie.
        trials: [N] number of the trial that a term is of, from 0.
    """

    members: Ints
    chosen: Ints
    signs: Floats
    weights: Floats
    trials: Ints

    def __len__(self) -> int:
        return len(self.chosen)


@dataclass(frozen=True)
class Answer:
    """What somebody said of one set of systems.

    Attributes:
        systems: of the set, in any order.
        best: place in `systems`; None where no best was named.
        worst: likewise.
        tie: of two systems: neither is better.
    """

    systems: tuple[int, ...]
    best: int | None = None
    worst: int | None = None
    tie: bool = False


def terms_of(answers: Sequence[Answer]) -> Terms:
    """Return the terms of a list of answers; an answer's trial is its place in the list."""
    rows: list[tuple[tuple[int, ...], int, float, float, int]] = []
    for trial, answer in enumerate(answers):
        systems = answer.systems
        if answer.tie:
            rows += [(systems, place, 1.0, 1 / len(systems), trial) for place in range(len(systems))]
            continue
        if answer.best is not None:
            rows.append((systems, answer.best, 1.0, 1.0, trial))
        if answer.worst is not None and len(systems) - (answer.best is not None) > 1:
            left = tuple(system for place, system in enumerate(systems) if place != answer.best)
            rows.append((left, left.index(systems[answer.worst]), -1.0, 1.0, trial))
    most = max((len(row[0]) for row in rows), default=2)
    return Terms(
        members=np.array([[*row[0], *[-1] * (most - len(row[0]))] for row in rows], np.int64).reshape(-1, most),
        chosen=np.array([row[1] for row in rows], np.int64),
        signs=np.array([row[2] for row in rows], float),
        weights=np.array([row[3] for row in rows], float),
        trials=np.array([row[4] for row in rows], np.int64),
    )


def shares_of(terms: Terms, strengths: Floats) -> Floats:
    """Return [N, S] the probability of each system to be chosen in each term; 0 outside of its set."""
    there = terms.members >= 0
    utilities = np.where(there, strengths[terms.members] * terms.signs[:, None], -np.inf)
    utilities -= utilities.max(axis=1, keepdims=True)
    weights = np.exp(utilities)
    shares = np.zeros((len(terms), len(strengths)))
    rows = np.repeat(np.arange(len(terms)), there.sum(axis=1))
    shares[rows, terms.members[there]] = (weights / weights.sum(axis=1, keepdims=True))[there]
    return shares


def scores_of(terms: Terms, strengths: Floats) -> Floats:
    """Return [N, S] the gradient of each term's log-likelihood."""
    hits = np.zeros((len(terms), len(strengths)))
    rows = np.arange(len(terms))
    hits[rows, terms.members[rows, terms.chosen]] = 1.0
    gradient: Floats = (terms.weights * terms.signs)[:, None] * (hits - shares_of(terms, strengths))
    return gradient


def information_of(terms: Terms, strengths: Floats) -> Floats:
    """Return [S, S] the negative Hessian of the log-likelihood."""
    shares = shares_of(terms, strengths)
    weighted = terms.weights[:, None] * shares
    information: Floats = np.diag(weighted.sum(axis=0)) - weighted.T @ shares
    return information


def log_likelihood(terms: Terms, strengths: Floats) -> float:
    """Return the sum of the terms' log-likelihoods."""
    rows = np.arange(len(terms))
    shares = shares_of(terms, strengths)[rows, terms.members[rows, terms.chosen]]
    return float(terms.weights @ np.log(np.maximum(shares, 1e-300)))


def fitted_strengths(terms: Terms, systems: int, prior_deviation: float | None = None) -> Floats:
    """Return [S] the strengths that make the likelihood largest, with mean 0.

    Args:
        systems: S.
        prior_deviation: of a normal prior on each strength; None is maximum likelihood, which exists only where
            `is_connected`.
    """
    ridge = np.zeros((systems, systems)) if prior_deviation is None else np.eye(systems) / prior_deviation**2
    fixed = np.full((systems, systems), 1.0 / systems)  # the likelihood does not know the mean
    strengths = np.zeros(systems)

    def height(at: Floats) -> float:
        return log_likelihood(terms, at) - float(at @ ridge @ at) / 2

    known = height(strengths)
    for _ in range(MOST_STEPS):
        gradient = scores_of(terms, strengths).sum(axis=0) - ridge @ strengths
        step = np.linalg.solve(information_of(terms, strengths) + ridge + fixed, gradient)
        size, fresh = 1.0, height(strengths + step)
        while fresh < known - 1e-12 and size > 1e-6:
            size /= 2
            fresh = height(strengths + size * step)
        strengths, known = strengths + size * step, max(fresh, known)
        if np.abs(size * step).max() < _TOLERANCE:
            break
    centred: Floats = strengths - strengths.mean()
    return centred


def beaten_graph(terms: Terms, systems: int) -> NDArray[np.bool_]:
    """Return [S, S] whether the first was chosen over the second, at least once or in a tie."""
    beaten = np.zeros((systems, systems), bool)
    for members, chosen, sign in zip(terms.members, terms.chosen, terms.signs, strict=True):
        others = [member for member in members if member >= 0 and member != members[chosen]]
        if sign > 0:
            beaten[members[chosen], others] = True
        else:
            beaten[others, members[chosen]] = True
    return beaten


def is_connected(terms: Terms, systems: int) -> bool:
    """Return whether maximum likelihood exists: no group of systems won, or lost, all its trials against the rest.

    Ford, 1957; Hunter, 2004, assumption 1.
    """
    from scipy.sparse.csgraph import connected_components

    groups, _ = connected_components(beaten_graph(terms, systems), directed=True, connection="strong")
    return bool(groups == 1)
