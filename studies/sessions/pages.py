"""Trials of several clips: each clip is a row of its own, and the clips of one page are heard and answered together."""

from collections.abc import Mapping, Sequence

from undertone.studies.design.kinds import REASON, BestWorstTrial, MushraTrial, PreferenceTrial
from undertone.studies.design.scales import Scale
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Rating, Trial

Page = list[Trial]


def pages_of(trials: Sequence[Trial]) -> list[Page]:
    """Return trials in their order, those of one page together."""
    found: list[Page] = []
    for trial in trials:
        if found and trial.page is not None and found[-1][0].page == trial.page:
            found[-1].append(trial)
        else:
            found.append([trial])
    return found


def values_of(answers: Mapping[str, Rating]) -> dict[str, float]:
    """Return the values of the answers about a clip by scale."""
    return {scale: rating.value for scale, rating in answers.items()}


def is_done(page: Page) -> bool:
    """Return whether the page is answered and left behind."""
    return all(trial.state == "done" for trial in page)


def open_pages(context: SessionContext) -> list[Page]:
    """Return the pages of the section where the person is that are not done yet."""
    return [page for page in pages_of(context.stage_trials()) if not is_done(page)]


def page_of(context: SessionContext, trial: Trial) -> Page:
    """Return the clips that are heard together with this one, itself included."""
    return next(page for page in pages_of(context.trials()) if any(other.id == trial.id for other in page))


def scale_of(context: SessionContext, name: str) -> Scale | None:
    """Return the question of a name: one of the study's scales, or a reason for a preference."""
    reasons = context.design.trials.reasons if context.design.trials else ()
    scales = [*context.design.scales, *(reason.scale for reason in reasons)]
    return next((scale for scale in scales if scale.name == name), None)


def is_rated_alone(context: SessionContext) -> bool:
    """Return whether a clip may be answered before the others of its page were heard, as in MUSHRA."""
    return isinstance(context.design.trials, MushraTrial)


def settle(context: SessionContext, page: Page, answered: Rating) -> None:
    """Bring the page's other answers into line: a preference is said of both clips, one clip only is best or worst."""
    match context.design.trials:
        case PreferenceTrial() if not answered.scale.startswith(REASON):
            for trial in page:
                if trial.id != answered.trial_id:
                    _write(context, trial, answered, -answered.value)
        case BestWorstTrial() if answered.value:
            known = context.ratings(page)
            for trial in page:
                other = known[trial.id].get(answered.scale)
                if trial.id != answered.trial_id and other is not None and other.value == answered.value:
                    _write(context, trial, answered, 0.0)


def missing_answers(context: SessionContext, page: Page) -> list[str]:
    """Return what is still to be answered on a page: titles of scales, or messages of the page."""
    given = context.ratings(page)
    if isinstance(context.design.trials, BestWorstTrial):
        scale = context.design.scales[0]
        values = [answers[scale.name].value for answers in given.values() if scale.name in answers]
        words = {1.0: "Which one sounds best?", -1.0: "Which one sounds worst?"}
        return [word for value, word in words.items() if value not in values]
    return [scale.title for scale in context.design.scales if any(scale.name not in given[trial.id] for trial in page)]


def complete(context: SessionContext, page: Page) -> None:
    """Say of the clips that are neither best nor worst that they are neither."""
    if not isinstance(context.design.trials, BestWorstTrial):
        return
    scale = context.design.scales[0]
    given = context.ratings(page)
    example = next(answers[scale.name] for answers in given.values() if scale.name in answers)
    for trial in page:
        if scale.name not in given[trial.id]:
            _write(context, trial, example, 0.0)


def _write(context: SessionContext, trial: Trial, like: Rating, value: float) -> None:
    """Write the same answer about another clip of the page, as another value."""
    known = context.ratings([trial])[trial.id].get(like.scale)
    if known is None:
        known = context.add_rating(trial, like.scale)
    else:
        known.revision += 1
    known.scale_hash, known.value, known.nonce, known.rated_at = like.scale_hash, value + 0.0, like.nonce, like.rated_at
