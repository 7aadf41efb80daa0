"""Do intervals of a ranking hold what they promise under active choice, and how many rater minutes does it save?

Command: `undertone study simulate-choices`.

A person's liking of a clip is the system's mean, plus what this rater and this prompt each make of the system, plus the
noise of one judgement (normal deviations in points of a five-point scale). A trial's best and worst are the extremes of
its clips' likings. Raters come in groups that take part at the same time, so that a plan knows of the trials that are
promised, not of their answers; the planning is `choices.selection`, as the server does it.

The truth is the strengths that describe answers of new raters about new prompts: the fit of a study with
`POPULATION` trials, each by another rater on another prompt, with sets drawn at random.

S systems, K clips of a set.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations

import numpy as np
from scipy import stats

from undertone.engine.worker_pool import map_in_workers
from undertone.studies.analysis.clustered import LEVEL
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.ranking import clustered_fit
from undertone.studies.analysis.simulation.coverage import WithinFits
from undertone.studies.analysis.simulation.simulate import Design, allocate, draw, true_scores
from undertone.studies.choices.model import Answer, Floats, Ints, fitted_strengths, is_connected, terms_of
from undertone.studies.choices.selection import AskedSet, Choose, SetClip, SetRules, plan_sets

POPULATION = 40_000
LIKING = (2.8, 3.0, 3.15, 3.3, 3.5, 3.7, 3.8, 4.1)  # of systems, on a scale of 1 to 5
CLIP_SECONDS = 8.0
RATING_SECONDS = 5.0  # to read, answer and go on after one clip
CHOOSING_SECONDS = 8.0  # to answer and go on after the clips of a set
SESSION_MINUTES = 3.0  # consent, headphones and practice before the first trial


@dataclass(frozen=True)
class People:
    """Standard deviations of likings, in points of a five-point scale.

    Attributes:
        rater: of a rater's mean rating; a choice does not know it.
        prompt: of a prompt's mean rating; likewise.
        noise: of one rating.
        choice_noise: of one clip's liking beside the others of a set.
    """

    rater: float = 0.5
    prompt: float = 0.3
    system_rater: float = 0.2
    system_prompt: float = 0.2
    noise: float = 0.7
    choice_noise: float = 0.7

    @property
    def components(self) -> VarianceComponents:
        """Return the variances of ratings."""
        return VarianceComponents.of_deviations(
            rater=self.rater,
            prompt=self.prompt,
            system_rater=self.system_rater,
            system_prompt=self.system_prompt,
            residual=self.noise,
        )


@dataclass(frozen=True)
class ChoiceStudy:
    """One design of a study of choices."""

    people: People = People()
    liking: tuple[float, ...] = LIKING
    clips: int = 4
    raters: int = 20
    trials: int = 15
    prompts: int = 30
    at_once: int = 5
    choose: Choose = "active"

    @property
    def minutes(self) -> float:
        """Return the minutes of all raters together."""
        return self.raters * self.trials * (self.clips * CLIP_SECONDS + CHOOSING_SECONDS) / 60


def simulate_study(study: ChoiceStudy, seed: int) -> tuple[list[Answer], Ints, Ints]:
    """Return the answers of one simulated study, and the numbers of their raters and prompts."""
    random = np.random.default_rng(seed)
    systems = len(study.liking)
    clips = [SetClip(f"{s}-{p}", f"s{s:02}", f"p{p:03}") for s in range(systems) for p in range(study.prompts)]
    rules = SetRules(study.clips, study.trials, study.raters, study.choose)
    of_prompt = study.people.system_prompt * random.standard_normal((study.prompts, systems))
    asked: list[AskedSet] = []
    answers: list[Answer] = []
    raters, prompts = [], []
    for first in range(0, study.raters, study.at_once):
        promised: list[tuple[int, tuple[str, ...]]] = []
        for rater in range(first, min(first + study.at_once, study.raters)):
            pending = [AskedSet(stimuli) for _, stimuli in promised]
            plan = plan_sets(clips, [*asked, *pending], rules, int(random.integers(2**31)))
            promised += [(rater, stimuli) for stimuli in plan]
        of_rater = study.people.system_rater * random.standard_normal((study.raters, systems))
        for rater, stimuli in promised:
            numbers = [tuple(map(int, name.split("-"))) for name in stimuli]
            members, prompt = [system for system, _ in numbers], numbers[0][1]
            liking = np.array(study.liking)[members] + of_prompt[prompt, members] + of_rater[rater, members]
            liking = liking + study.people.choice_noise * random.standard_normal(len(members))
            best, worst = int(liking.argmax()), int(liking.argmin())
            asked.append(AskedSet(stimuli, stimuli[best], stimuli[worst]))
            answers.append(Answer(tuple(members), best, worst if len(members) > 2 else None))
            raters.append(rater)
            prompts.append(prompt)
    return answers, np.array(raters), np.array(prompts)


@cache
def true_strengths(people: People, liking: tuple[float, ...], clips: int, seed: int = 0) -> Floats:
    """Return [S] the strengths that answers of new raters about new prompts have."""
    random = np.random.default_rng(seed)
    spread = np.sqrt(people.system_rater**2 + people.system_prompt**2 + people.choice_noise**2)
    answers = []
    for _ in range(POPULATION):
        members = random.choice(len(liking), clips, replace=False)
        heard = np.array(liking)[members] + spread * random.standard_normal(clips)
        worst = int(heard.argmin()) if clips > 2 else None
        answers.append(Answer(tuple(map(int, members)), int(heard.argmax()), worst))
    return fitted_strengths(terms_of(answers), len(liking))


@dataclass(frozen=True)
class Outcome:
    """One simulated study: [C] estimates of contrasts and their standard errors, or None where nothing was fitted."""

    values: Floats
    errors: Floats
    df: int


def contrasts(systems: int) -> Floats:
    """Return [S + pairs, S] every strength less the mean, and every difference of two."""
    strengths = np.eye(systems) - 1 / systems
    differences = [np.eye(systems)[i] - np.eye(systems)[j] for i, j in combinations(range(systems), 2)]
    return np.concatenate([strengths, differences])


def outcome(study: ChoiceStudy, seed: int) -> Outcome | None:
    """Simulate and fit one study; None where a system won or lost always, which the report says too."""
    answers, raters, prompts = simulate_study(study, seed)
    terms, systems = terms_of(answers), len(study.liking)
    if not is_connected(terms, systems):
        return None
    fit = clustered_fit(terms, systems, raters, prompts)
    wanted = contrasts(systems)
    return Outcome(wanted @ fit.strengths, np.array([fit.deviation(one) for one in wanted]), fit.df)


@dataclass(frozen=True)
class ChoiceCoverage:
    """How often 95 % intervals held the truth.

    Attributes:
        strengths: the mean over systems; `least` and `most` of single contrasts, differences too.
        refused: studies without intervals, as a system always won or lost.
    """

    studies: int
    refused: int
    strengths: float
    differences: float
    least: float
    most: float


def measure_choice_coverage(study: ChoiceStudy, studies: int, workers: int = 1, seed: int = 0) -> ChoiceCoverage:
    """Simulate studies and count the intervals that hold the truth."""
    found = _outcomes(study, range(seed, seed + studies), workers)
    systems = len(study.liking)
    truth = contrasts(systems) @ true_strengths(study.people, study.liking, study.clips)
    reach = stats.t.ppf((1 + LEVEL) / 2, found[0].df)
    held = np.mean([np.abs(one.values - truth) <= reach * one.errors for one in found], axis=0)
    return ChoiceCoverage(
        studies=studies,
        refused=studies - len(found),
        strengths=float(held[:systems].mean()),
        differences=float(held[systems:].mean()),
        least=float(held.min()),
        most=float(held.max()),
    )


def choice_precision(study: ChoiceStudy, studies: int, workers: int = 1, seed: int = 0) -> float:
    """Return how well neighbours are told apart: the mean of (difference / standard deviation of its estimate)^2."""
    found = _outcomes(study, range(seed, seed + studies), workers)
    values = np.stack([one.values for one in found])
    truth = contrasts(len(study.liking)) @ true_strengths(study.people, study.liking, study.clips)
    return _precision(values, truth, len(study.liking), skip=len(study.liking))


def rating_precision(people: People, liking: Sequence[float], design: Design, studies: int, seed: int = 0) -> float:
    """Return the same of a rating study, by least squares with effects of raters and prompts."""
    layout = allocate(design, seed)
    random = np.random.default_rng(seed)
    values = WithinFits.of(layout).fit(draw(layout, np.array(liking), people.components, studies, random)).values
    means = true_scores(np.array(liking), people.components)
    truth = np.array([means[i] - means[j] for i, j in combinations(range(len(liking)), 2)])
    return _precision(values, truth, len(liking))


def rating_minutes(design: Design) -> float:
    """Return the minutes of all raters together."""
    return design.num_raters * design.trials_per_rater * (CLIP_SECONDS + RATING_SECONDS) / 60


def minutes_for(precision: float, study: ChoiceStudy, raters: Sequence[int], studies: int, workers: int = 1) -> float:
    """Return the rater minutes at which a study of choices reaches a precision, between the given numbers of raters."""
    sizes = [replace(study, raters=number) for number in raters]
    reached = [choice_precision(one, studies, workers) for one in sizes]
    minutes = [one.minutes for one in sizes]
    slope, start = np.polyfit(np.log(minutes), np.log(reached), 1)
    return float(np.exp((np.log(precision) - start) / slope))


def _precision(values: Floats, truth: Floats, systems: int, skip: int = 0) -> float:
    """Return the mean over neighbours of (difference / deviation)^2, free of the bias that few studies give 1 / s^2."""
    count = len(values)
    pairs = list(combinations(range(systems), 2))
    neighbours = [skip + index for index, (i, j) in enumerate(pairs) if j == i + 1]
    ratios = truth[neighbours] / values[:, neighbours].std(axis=0, ddof=1)
    return float(np.mean(ratios**2)) * (count - 3) / (count - 1)


def _outcomes(study: ChoiceStudy, seeds: Sequence[int], workers: int) -> list[Outcome]:
    found = map_in_workers(partial, (outcome, study), seeds, workers, chunk_size=4)
    return [one for one in found if one is not None]


DESIGNS = {
    "best-worst of 4, active": ChoiceStudy(),
    "best-worst of 4, balanced": ChoiceStudy(choose="balanced"),
    "pairs, active": ChoiceStudy(clips=2, trials=30, prompts=40),
    "best-worst of 4, active, prompts differ much": ChoiceStudy(
        People(system_prompt=0.5, system_rater=0.4), prompts=40
    ),
}


def _with_beginning(minutes: float, study: ChoiceStudy) -> float:
    """Return the minutes with those that each rater needs before the first trial."""
    raters = minutes / replace(study, raters=1).minutes
    return minutes + SESSION_MINUTES * raters


def choice_lines(studies: int, workers: int = 1, designs: Sequence[str] | None = None) -> Iterator[str]:
    """Yield lines of text: coverage of each design's intervals, then the rater minutes for a rating study's precision.

    Args:
        studies: drawn for each number.
        workers: processes.
        designs: names of `DESIGNS`; all where None. With designs the minutes are left out.
    """
    for name in designs or DESIGNS:
        yield f"{name}: {measure_choice_coverage(DESIGNS[name], studies, workers)}"
    if designs:
        return
    rated = Design(len(LIKING), 40, 40, 40)
    for share in (1.0, 0.7, 0.5):
        people = People(choice_noise=share * People().noise)
        precision = rating_precision(people, LIKING, rated, 2000)
        for clips, trials, raters in ((4, 15, (10, 20, 40)), (5, 8, (16, 48)), (5, 4, (28, 64)), (5, 2, (48, 120))):
            study = ChoiceStudy(people, clips=clips, trials=trials, prompts=40)
            minutes = minutes_for(precision, study, raters, studies, workers)
            yield (
                f"{trials} trials of {clips} clips a session, noise of a choice {share:g} of a rating's: "
                f"{minutes:.0f} minutes for the precision of {rating_minutes(rated):.0f} minutes of ratings "
                f"({minutes / rating_minutes(rated):.2f}; with {SESSION_MINUTES:g} minutes to begin each session "
                f"{_with_beginning(minutes, study) / (rating_minutes(rated) + SESSION_MINUTES * rated.num_raters):.2f})"
            )
