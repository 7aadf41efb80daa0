"""Which clips to put before a rater next: sets that even out the counts, or sets that tell most about the strengths.

The active choice is a Bayesian design, as ASAP (Mikhailiuk et al., arXiv 2004.05691) makes it for pairs: a normal
posterior of the strengths from the answers so far, and the set whose expected information shrinks it most,
log det(I + F covariance) / 2 with F the expected information of one trial. A trial that is promised to somebody counts
as if it had its expected information already, so that raters who take part at the same time are not all asked the same.

Legend: S systems, K clips of a set, C candidate sets, D draws of the posterior.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import Literal

import numpy as np

from undertone.studies.choices.model import Answer, Floats, Ints, fitted_strengths, information_of, terms_of

PRIOR_DEVIATION = 1.5  # log odds; of a strength before anything was answered
DRAWS = 64  # of the posterior, over which the information of a set is averaged
MOST_CANDIDATES = 400  # sets that are compared; of more, so many are drawn
SAME_GAIN = 0.1  # of the largest gain: what the few draws of the posterior leave open

Choose = Literal["balanced", "active"]


@dataclass(frozen=True)
class SetClip:
    """One prompt as one system says it."""

    stimulus: str
    system: str
    prompt: str


@dataclass(frozen=True)
class AskedSet:
    """One trial that was answered or is promised: its stimuli in their places, and the answer where there is one."""

    stimuli: tuple[str, ...]
    best: str | None = None
    worst: str | None = None
    tie: bool = False

    @property
    def answered(self) -> bool:
        return self.tie or self.best is not None or self.worst is not None


@dataclass(frozen=True)
class SetRules:
    """How many clips a trial has, how many trials a session has, and when a clip has been heard often enough."""

    clips: int
    trials_per_session: int
    raters_per_stimulus: int
    choose: Choose = "balanced"
    with_worst: bool = True


@dataclass
class _Counts:
    """What is asked already, and grows with every set that is planned."""

    stimuli: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, clips: Sequence[SetClip]) -> None:
        self.stimuli.update(clip.stimulus for clip in clips)
        self.places.update((clip.system, place) for place, clip in enumerate(clips))
        self.pairs.update(combinations(sorted(clip.system for clip in clips), 2))


def plan_sets(
    clips: Sequence[SetClip],
    asked: Sequence[AskedSet],
    rules: SetRules,
    seed: int,
    heard_prompts: Collection[str] = (),
) -> list[tuple[str, ...]]:
    """Plan the trials of one rater's session.

    A rater hears a prompt in one trial only, there in several systems.

    Args:
        clips: of the whole study.
        asked: every set that was answered or is promised.
        seed: of this session; the same arguments give the same plan.
        heard_prompts: that this rater has heard in an earlier session.
    Returns:
        the stimuli of each trial in their places; empty when nothing is left that this rater may hear.
    """
    random = np.random.default_rng(seed)
    by_stimulus = {clip.stimulus: clip for clip in clips}
    counts = _Counts()
    for one in asked:
        counts.add([by_stimulus[name] for name in one.stimuli if name in by_stimulus])
    by_prompt = _by_prompt(clips, set(heard_prompts), rules.clips)
    systems = sorted({clip.system for clip in clips})
    posterior = _Posterior(systems, asked, by_stimulus, rules, random) if rules.choose == "active" else None
    plan: list[tuple[str, ...]] = []
    while by_prompt and len(plan) < rules.trials_per_session:
        candidates = _candidates(by_prompt, rules.clips, random)
        evenness = _evenness(candidates, counts)
        if posterior is not None:
            gains = posterior.gains(candidates)
            evenness[gains < (1 - SAME_GAIN) * gains.max()] = -np.inf
        best = np.flatnonzero(evenness == evenness.max())
        chosen = candidates[best[random.integers(len(best))]]
        prompt = _emptiest_prompt(chosen, by_prompt, counts, rules, random)
        placed = _placed([by_prompt[prompt][system] for system in chosen], counts, random)
        counts.add(placed)
        if posterior is not None:
            posterior.expect(chosen)
        del by_prompt[prompt]
        plan.append(tuple(clip.stimulus for clip in placed))
    return [plan[index] for index in random.permutation(len(plan))]


class _Posterior:
    """A normal posterior of the strengths, and what one more trial would tell."""

    def __init__(
        self,
        systems: Sequence[str],
        asked: Sequence[AskedSet],
        by_stimulus: Mapping[str, SetClip],
        rules: SetRules,
        random: np.random.Generator,
    ) -> None:
        self._number = {name: index for index, name in enumerate(systems)}
        self._with_worst = rules.with_worst and rules.clips > 2
        known = [one for one in asked if all(name in by_stimulus for name in one.stimuli)]
        terms = terms_of([self._answer(one, by_stimulus) for one in known if one.answered])
        size = len(systems)
        self._strengths = fitted_strengths(terms, size, PRIOR_DEVIATION) if len(terms) else np.zeros(size)
        self._precision = np.eye(size) / PRIOR_DEVIATION**2
        if len(terms):
            self._precision = self._precision + information_of(terms, self._strengths)
        deviations = np.linalg.cholesky(np.linalg.inv(self._precision))
        self._draws = self._strengths + random.standard_normal((DRAWS, size)) @ deviations.T
        self._known: dict[tuple[str, ...], Floats] = {}
        promised = [tuple(by_stimulus[name].system for name in one.stimuli) for one in known if not one.answered]
        for systems, information in zip(promised, self._information(promised) if promised else [], strict=True):
            self._add(systems, information)

    def gains(self, candidates: Sequence[tuple[str, ...]]) -> Floats:
        """Return [C] the expected gain of information of one more trial of each set, in nats."""
        covariance = np.linalg.inv(self._precision)
        members = self._members(candidates)
        inner = covariance[members[:, :, None], members[:, None, :]]  # [C, K, K]
        gains: Floats = np.linalg.slogdet(np.eye(members.shape[1]) + self._information(candidates) @ inner)[1] / 2
        return gains

    def expect(self, systems: Sequence[str]) -> None:
        """Count a trial that is promised as if it were answered."""
        self._add(systems, self._information([tuple(systems)])[0])

    def _add(self, systems: Sequence[str], information: Floats) -> None:
        members = [self._number[name] for name in systems]
        self._precision[np.ix_(members, members)] += information

    def _members(self, candidates: Sequence[tuple[str, ...]]) -> Ints:
        return np.array([[self._number[name] for name in candidate] for candidate in candidates])

    def _information(self, candidates: Sequence[tuple[str, ...]]) -> Floats:
        """Return [C, K, K] the expected information of one trial of each set, over the draws."""
        fresh = [candidate for candidate in candidates if candidate not in self._known]
        if fresh:
            utilities = self._draws[:, self._members(fresh)].transpose(1, 0, 2)  # [C, D, K]
            self._known.update(zip(fresh, set_information(utilities, self._with_worst), strict=True))
        return np.stack([self._known[candidate] for candidate in candidates])

    def _answer(self, one: AskedSet, by_stimulus: Mapping[str, SetClip]) -> Answer:
        systems = tuple(self._number[by_stimulus[name].system] for name in one.stimuli)
        best = None if one.best is None else one.stimuli.index(one.best)
        worst = None if one.worst is None else one.stimuli.index(one.worst)
        return Answer(systems, best, worst, one.tie)


def set_information(utilities: Floats, with_worst: bool) -> Floats:
    """Return [C, K, K] the information of one trial of each set, the mean over draws of its strengths [C, D, K].

    Args:
        with_worst: the worst of those that are left is asked too.
    """
    shares = _softmax(utilities)
    information = _multinomial(shares)
    if with_worst and utilities.shape[-1] > 2:
        for best in range(utilities.shape[-1]):
            left = utilities.copy()
            left[..., best] = np.inf  # it cannot be the worst
            information = information + shares[..., best, None, None] * _multinomial(_softmax(-left))
    mean: Floats = information.mean(axis=1)
    return mean


def _softmax(utilities: Floats) -> Floats:
    weights: Floats = np.exp(utilities - utilities.max(axis=-1, keepdims=True))
    shares: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def _multinomial(shares: Floats) -> Floats:
    """Return [..., K, K] the covariance of one draw of each row of shares [..., K]."""
    covariance: Floats = shares[..., :, None] * (np.eye(shares.shape[-1]) - shares[..., None, :])
    return covariance


def _by_prompt(clips: Sequence[SetClip], heard: set[str], size: int) -> dict[str, dict[str, SetClip]]:
    """Return the clips of each prompt by system: of prompts that are not heard yet and that have enough of them."""
    found: dict[str, dict[str, SetClip]] = {}
    for clip in clips:
        if clip.prompt not in heard:
            found.setdefault(clip.prompt, {})[clip.system] = clip
    return {prompt: found[prompt] for prompt in sorted(found) if len(found[prompt]) >= size}


def _candidates(
    by_prompt: Mapping[str, Mapping[str, SetClip]], size: int, random: np.random.Generator
) -> list[tuple[str, ...]]:
    """Return sets of systems that some prompt has: all of them, or so many drawn."""
    found: dict[tuple[str, ...], None] = {}
    for systems in sorted({tuple(sorted(there)) for there in by_prompt.values()}):
        if comb(len(systems), size) <= MOST_CANDIDATES:
            found.update(dict.fromkeys(combinations(systems, size)))
            continue
        for _ in range(MOST_CANDIDATES):
            drawn = random.choice(len(systems), size, replace=False)
            found[tuple(systems[index] for index in sorted(drawn))] = None
    return list(found)


def _evenness(candidates: Sequence[tuple[str, ...]], counts: _Counts) -> Floats:
    """Return [C] the negative growth of the sum of squared counts of pairs."""
    systems = sorted({system for one in candidates for system in one})
    number = {system: index for index, system in enumerate(systems)}
    together = np.zeros((len(systems), len(systems)))
    for (first, second), count in counts.pairs.items():
        if first in number and second in number:
            together[number[first], number[second]] = together[number[second], number[first]] = count
    members = np.array([[number[system] for system in one] for one in candidates])
    evenness: Floats = -together[members[:, :, None], members[:, None, :]].sum(axis=(1, 2))
    return evenness


def _emptiest_prompt(
    systems: Sequence[str],
    by_prompt: Mapping[str, Mapping[str, SetClip]],
    counts: _Counts,
    rules: SetRules,
    random: np.random.Generator,
) -> str:
    """Return the prompt whose clips of these systems were heard least; ties at random."""
    heard = {
        prompt: [counts.stimuli[there[system].stimulus] for system in systems]
        for prompt, there in by_prompt.items()
        if all(system in there for system in systems)
    }
    full = rules.raters_per_stimulus if rules.choose == "balanced" else np.inf
    costs = {prompt: (sum(count >= full for count in each), sum(each)) for prompt, each in heard.items()}
    least = min(costs.values())
    emptiest = [prompt for prompt, cost in costs.items() if cost == least]
    return emptiest[random.integers(len(emptiest))]


def _placed(clips: Sequence[SetClip], counts: _Counts, random: np.random.Generator) -> list[SetClip]:
    """Return the clips in places where their systems were least so far."""
    from scipy.optimize import linear_sum_assignment  # half a second to load, in which raters are answered already

    used = np.array([[counts.places[clip.system, place] for place in range(len(clips))] for clip in clips], float)
    _, places = linear_sum_assignment(used + random.uniform(0, 0.1 / len(clips), used.shape))
    order: Ints = np.argsort(places)
    return [clips[index] for index in order]
