"""Plan which clips a rater hears and in what order: a pure, seeded choice that balances counts and positions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from undertone.engine import UndertoneError
from undertone.studies.sessions.williams import williams_orders

Kind = Literal["main", "trap", "gold", "training"]

_FULL_COST = 1e5  # of a cell that has all its raters: taken only where no other fits
_MISSING_COST = 1e9  # of a prompt that a system does not have: never taken


class PlanError(UndertoneError):
    """Lack of clips that the study's allocation asks for."""


@dataclass(frozen=True)
class Cell:
    """One prompt continued by one system."""

    stimulus: str
    system: str
    prompt: str


@dataclass(frozen=True)
class StimulusCounts:
    """Counts of completed responses of accepted raters and of live reservations.

    Attributes:
        stimuli: by stimulus.
        positions: by system and place among the rated clips of a session, from 0.
    """

    stimuli: Mapping[str, int] = field(default_factory=dict)
    positions: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanRules:
    """Trials of a session and raters that a clip needs."""

    trials_per_session: int
    raters_per_stimulus: int
    traps: int = 0
    golds: int = 0
    only_in_all: bool = False  # the study wants so many raters for a clip on average: an active choice spreads them


@dataclass(frozen=True)
class PlannedTrial:
    """One place of the plan: a clip, or the clips that are heard and answered together."""

    stimuli: tuple[str, ...]
    kind: Kind = "main"


def open_cells(cells: Iterable[Cell], counts: StimulusCounts, rules: PlanRules) -> list[Cell]:
    """Return the cells that still want raters."""
    if rules.only_in_all:
        every = list(cells)
        heard = sum(counts.stimuli.get(cell.stimulus, 0) for cell in every)
        return every if heard < rules.raters_per_stimulus * len(every) else []
    return [cell for cell in cells if counts.stimuli.get(cell.stimulus, 0) < rules.raters_per_stimulus]


def plan_session(
    cells: Sequence[Cell],
    counts: StimulusCounts,
    rules: PlanRules,
    seed: int,
    heard_prompts: Collection[str] = (),
    traps: Sequence[tuple[str, ...]] = (),
    golds: Sequence[tuple[str, ...]] = (),
) -> list[PlannedTrial]:
    """Plan one rater's session.

    Systems take turns in Williams orders, the least used first; prompts are assigned so that the sum of the squared
    counts grows least (an optimal assignment), so that the emptiest cells are filled first.

    Args:
        cells: of the whole study.
        counts: so far.
        rules: of the study.
        seed: of this session; the same arguments give the same plan.
        heard_prompts: that this rater has heard in an earlier session.
        traps: the stimuli of each trial with a known instruction.
        golds: those of each trial with a known answer.
    Returns:
        the trials in order; empty when nothing is left that wants raters and that this rater may hear.
    Raises:
        PlanError: fewer traps or golds than asked for.
    """
    rng = np.random.default_rng(seed)
    unheard = [cell for cell in cells if cell.prompt not in set(heard_prompts)]
    if not open_cells(unheard, counts, rules):
        return []
    length = min(rules.trials_per_session, len({cell.prompt for cell in unheard}))
    systems = _system_order(unheard, counts, length, rng)
    main = [PlannedTrial((stimulus,)) for stimulus in _assign_prompts(unheard, systems, counts, rules, rng)]
    return add_checks(main, traps, golds, rules, rng)


def add_checks(
    main: list[PlannedTrial],
    traps: Sequence[tuple[str, ...]],
    golds: Sequence[tuple[str, ...]],
    rules: PlanRules,
    rng: np.random.Generator,
) -> list[PlannedTrial]:
    """Return the trials with as many traps and golds between them as the rules say.

    Args:
        traps: the stimuli of each trial with a known instruction.
        golds: those of each trial with a known answer.
    Raises:
        PlanError: fewer traps or golds than asked for.
    """
    checks = [PlannedTrial(stimuli, "trap") for stimuli in _draw(traps, rules.traps, "traps", rng)]
    checks += [PlannedTrial(stimuli, "gold") for stimuli in _draw(golds, rules.golds, "golds", rng)]
    return _spread(main, [checks[index] for index in rng.permutation(len(checks))], rng)


def _system_order(cells: Sequence[Cell], counts: StimulusCounts, length: int, rng: np.random.Generator) -> list[str]:
    """Return a system for each place: whole Williams orders, then one of the systems that have least so far."""
    totals = {cell.system: 0 for cell in cells}
    for cell in cells:
        totals[cell.system] += counts.stimuli.get(cell.stimulus, 0)
    systems = sorted(totals)
    shuffled = [systems[index] for index in rng.permutation(len(systems))]
    extra = set(sorted(shuffled, key=lambda system: totals[system])[: length % len(systems)])
    order: list[str] = []
    while len(order) < length:
        kept = set(systems) if length - len(order) >= len(systems) else extra
        rows = [[system for system in row if system in kept] for row in williams_orders(systems)]
        used = [sum(counts.positions.get((s, len(order) + i), 0) for i, s in enumerate(row)) for row in rows]
        least = [row for row, count in zip(rows, used, strict=True) if count == min(used)]
        order += least[rng.integers(len(least))]
    return order


def _assign_prompts(
    cells: Sequence[Cell], systems: Sequence[str], counts: StimulusCounts, rules: PlanRules, rng: np.random.Generator
) -> list[str]:
    """Assign the stimulus of each place: every prompt at most once, the emptiest cells first, ties at random."""
    from scipy.optimize import linear_sum_assignment  # half a second to load, in which raters are answered already

    by_pair = {(cell.system, cell.prompt): cell.stimulus for cell in cells}
    prompts = sorted({cell.prompt for cell in cells})
    rows = {
        system: _costs(system, prompts, by_pair, counts, rules) for system in sorted({cell.system for cell in cells})
    }
    costs = np.stack([rows[system] for system in systems])
    of_prompt = np.stack(list(rows.values())).sum(axis=0) % _FULL_COST
    tie = 0.5 / (len(systems) * (1 + np.ptp(of_prompt)))  # what breaks ties is less in all than one rater in a cell
    costs += tie * (of_prompt - of_prompt.min()) + rng.uniform(0, tie / len(systems), costs.shape)
    places, columns = linear_sum_assignment(costs)
    pairs = [(systems[place], prompts[column]) for place, column in zip(places, columns, strict=True)]
    return [by_pair[pair] for pair in pairs if pair in by_pair]


def _costs(
    system: str,
    prompts: Sequence[str],
    by_pair: Mapping[tuple[str, str], str],
    counts: StimulusCounts,
    rules: PlanRules,
) -> np.ndarray:
    """Return [prompts] half the growth of the sum of squared counts when this system says each of them."""
    stimuli = [by_pair.get((system, prompt)) for prompt in prompts]
    heard = [counts.stimuli.get(stimulus, 0) if stimulus else 0 for stimulus in stimuli]
    full = np.array([count >= rules.raters_per_stimulus for count in heard])
    missing = np.array([stimulus is None for stimulus in stimuli])
    return np.array(heard, float) + _FULL_COST * full + _MISSING_COST * missing


def _draw(trials: Sequence[tuple[str, ...]], number: int, what: str, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Draw some of the trials, in random order."""
    if number > len(trials):
        raise PlanError(
            f"a session is to have {number} {what}, but the study has {len(trials)}. Add some or ask fewer."
        )
    return [sorted(trials)[index] for index in rng.permutation(len(trials))[:number]]


def _spread(main: list[PlannedTrial], checks: list[PlannedTrial], rng: np.random.Generator) -> list[PlannedTrial]:
    """Spread the checks between the rated clips: one in each equal part of the session, never first."""
    edges = np.linspace(0, len(main), len(checks) + 1)
    after = [int(rng.uniform(low, high)) for low, high in pairwise(edges)]
    plan: list[PlannedTrial] = []
    for index, trial in enumerate(main):
        plan += [trial, *(check for check, place in zip(checks, after, strict=True) if place == index)]
    return plan
