"""Allocation holds its promises whatever raters do: drop out, are rejected, come at once or twice."""

import itertools
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.studies.sessions.plan import Cell, PlanError, PlannedTrial, PlanRules, StimulusCounts, plan_session
from undertone.studies.sessions.williams import williams_orders

QUICK = settings(max_examples=40, deadline=None)


def cells_of(systems: int, prompts: int) -> list[Cell]:
    return [Cell(f"s{s}p{p}", f"system{s}", f"prompt{p}") for s in range(systems) for p in range(prompts)]


@dataclass
class Study:
    """A study that is played through: what was accepted and what is going on."""

    cells: list[Cell]
    rules: PlanRules
    accepted: list[list[PlannedTrial]] = field(default_factory=list)
    live: list[list[PlannedTrial]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_id = {cell.stimulus: cell for cell in self.cells}

    def counts(self) -> StimulusCounts:
        stimuli: Counter[str] = Counter()
        positions: Counter[tuple[str, int]] = Counter()
        for plan in self.accepted + self.live:
            main = [self.by_id[trial.stimuli[0]] for trial in plan if trial.kind == "main"]
            stimuli.update(cell.stimulus for cell in main)
            positions.update((cell.system, place) for place, cell in enumerate(main))
        return StimulusCounts(stimuli, positions)

    def enter(self, seed: int, **more: object) -> list[PlannedTrial]:
        plan = plan_session(self.cells, self.counts(), self.rules, seed, **more)  # type: ignore[arg-type]
        if plan:
            self.live.append(plan)
        return plan

    def leave(self, index: int, accepted: bool) -> None:
        plan = self.live.pop(index)
        if accepted:
            self.accepted.append(plan)


def spread(counter: Counter[str], keys: list[str]) -> int:
    return max(counter[key] for key in keys) - min(counter[key] for key in keys)


SIZES = st.tuples(st.integers(1, 6), st.integers(1, 12), st.integers(1, 14), st.integers(1, 4))


@QUICK
@given(SIZES, st.integers(0, 2**31))
def test_a_rater_hears_each_prompt_once_and_systems_equally_often(size: tuple[int, int, int, int], seed: int) -> None:
    systems, prompts, length, raters = size
    study = Study(cells_of(systems, prompts), PlanRules(length, raters))
    plan = study.enter(seed)
    cells = [study.by_id[trial.stimuli[0]] for trial in plan]
    assert len(plan) == min(length, prompts)
    assert len({cell.prompt for cell in cells}) == len(cells)
    assert spread(Counter(cell.system for cell in cells), [f"system{s}" for s in range(systems)]) <= 1


@QUICK
@given(SIZES, st.integers(0, 2**31))
def test_the_same_arguments_give_the_same_plan(size: tuple[int, int, int, int], seed: int) -> None:
    systems, prompts, length, raters = size
    study = Study(cells_of(systems, prompts), PlanRules(length, raters))
    plans = [plan_session(study.cells, StimulusCounts(), study.rules, seed) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plan_session(study.cells[::-1], StimulusCounts(), study.rules, seed) == plans[0]


EVENTS = st.lists(st.tuples(st.sampled_from(["enter", "accept", "reject"]), st.integers(0, 2**31)), max_size=60)


@QUICK
@given(st.tuples(st.integers(2, 4), st.integers(4, 8), st.integers(2, 8)), EVENTS)
def test_cells_stay_level_while_raters_come_drop_out_and_are_rejected(
    size: tuple[int, int, int], events: list[tuple[str, int]]
) -> None:
    systems, prompts, length = size
    study = Study(cells_of(systems, prompts), PlanRules(length, 3))
    for kind, number in events:
        if kind == "enter":
            before = study.counts().stimuli
            plan = study.enter(number)
            heard = {trial.stimuli[0] for trial in plan}
            # Nothing is filled beyond its need while as good a session could be made of cells that still need raters.
            if any(before.get(name, 0) >= 3 for name in heard):
                assert any(before.get(cell.stimulus, 0) < 3 for cell in study.cells)
        elif study.live:
            study.leave(number % len(study.live), accepted=kind == "accept")
    while study.live:
        study.leave(0, accepted=True)
    seed = 0
    while study.enter(seed):
        study.leave(0, accepted=True)
        seed += 1
    counts = study.counts().stimuli
    assert all(counts[cell.stimulus] >= 3 for cell in study.cells)  # every cell of a rejected rater was opened again
    assert sum(counts.values()) <= 3 * len(study.cells) + (seed + len(events)) * length


@pytest.mark.parametrize(("systems", "prompts", "length"), [(4, 20, 20), (5, 20, 10), (3, 10, 7), (6, 24, 20)])
def test_without_drop_outs_cells_differ_by_one_and_places_are_balanced(systems: int, prompts: int, length: int) -> None:
    study = Study(cells_of(systems, prompts), PlanRules(length, 1000))
    for seed in range(4 * systems):
        study.enter(seed)
    counts = study.counts()
    stimuli = Counter(counts.stimuli)
    assert spread(stimuli, [cell.stimulus for cell in study.cells]) <= 1
    totals = Counter({s: sum(n for k, n in stimuli.items() if k.startswith(f"s{s}p")) for s in range(systems)})
    assert max(totals.values()) - min(totals.values()) <= 1
    for place in range(length - length % systems):
        at_place = [counts.positions.get((f"system{s}", place), 0) for s in range(systems)]
        assert max(at_place) - min(at_place) <= 2


def test_simultaneous_raters_get_different_cells_while_there_are_enough() -> None:
    study = Study(cells_of(4, 12), PlanRules(12, 1))
    plans = [study.enter(seed) for seed in range(4)]
    heard = [trial.stimuli[0] for plan in plans for trial in plan]
    assert len(heard) == len(set(heard)) == 48
    assert study.enter(99) == []


def test_a_rater_who_comes_again_hears_other_prompts() -> None:
    study = Study(cells_of(3, 9), PlanRules(6, 5))
    first = study.enter(1)
    heard = {study.by_id[trial.stimuli[0]].prompt for trial in first}
    second = study.enter(2, heard_prompts=heard)
    assert len(second) == 3
    assert not heard & {study.by_id[trial.stimuli[0]].prompt for trial in second}
    assert study.enter(3, heard_prompts={cell.prompt for cell in study.cells}) == []


@QUICK
@given(st.integers(1, 20), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**31))
def test_checks_are_spread_and_never_come_first(length: int, traps: int, golds: int, seed: int) -> None:
    rules = PlanRules(length, 5, traps, golds)
    names = [f"trap{i}" for i in range(4)], [f"gold{i}" for i in range(4)]
    plan = plan_session(
        cells_of(4, 20),
        StimulusCounts(),
        rules,
        seed,
        traps=[(name,) for name in names[0]],
        golds=[(name,) for name in names[1]],
    )
    kinds = Counter(trial.kind for trial in plan)
    assert kinds == Counter({"main": length, "trap": traps, "gold": golds})
    assert plan[0].kind == "main"
    assert len({trial.stimuli[0] for trial in plan}) == len(plan)
    if traps + golds < length / 2:
        runs = [len(list(group)) for check, group in itertools.groupby(t.kind != "main" for t in plan) if check]
        assert max(runs, default=0) <= 2


def test_too_few_traps_are_refused() -> None:
    with pytest.raises(PlanError, match="2 traps, but the study has 1"):
        plan_session(cells_of(2, 4), StimulusCounts(), PlanRules(4, 2, traps=2), 0, traps=[("only",)])


def test_a_prompt_that_a_system_lacks_is_not_planned() -> None:
    cells = [cell for cell in cells_of(2, 4) if cell.stimulus != "s0p0"]
    for seed in range(10):
        plan = plan_session(cells, StimulusCounts(), PlanRules(4, 2), seed)
        assert len(plan) == 4
        assert {trial.stimuli[0] for trial in plan} <= {cell.stimulus for cell in cells}


@pytest.mark.parametrize("size", range(1, 9))
def test_williams_orders_balance_places_and_neighbours(size: int) -> None:
    orders = williams_orders(range(size))
    for place in range(size):
        assert len(set(Counter(order[place] for order in orders).values())) == 1
    pairs = Counter(pair for order in orders for pair in itertools.pairwise(order))
    assert len(pairs) == size * (size - 1)
    assert len(set(pairs.values())) <= 1
