"""Checks of the clips with known answers: that they are of the study's kind and that somebody can answer so."""

from collections.abc import Sequence

from undertone.studies.design.kinds import SetTrial
from undertone.studies.design.scales import Scale
from undertone.studies.design.sources import KnownAnswer, KnownClip, KnownItem, KnownSet, Trap


def listed_clips(item: KnownItem | KnownSet) -> tuple[KnownClip, ...]:
    """Return the clips of a gold or training item: one, or those of a trial."""
    return item.clips if isinstance(item, KnownSet) else (item,)


def check_clips(items: Sequence[KnownItem | KnownSet], traps: Sequence[Trap], scales: Sequence[Scale]) -> None:
    """Check that each clip comes from one place and that each expected answer is one of the scales.

    Raises:
        ValueError: saying which is not.
    """
    if any((trap.audio is None) == (trap.instruction is None) for trap in traps):
        raise ValueError("a trap needs either `audio` or `instruction`")
    clips = [clip for item in items for clip in listed_clips(item)]
    if any((clip.audio is None) == (clip.system is None or clip.prompt is None) for clip in clips):
        raise ValueError("a gold or training item needs either `audio` or `system` and `prompt`, and so does each clip")
    by_name = {scale.name: scale for scale in scales}
    known: list[KnownClip | Trap] = [*clips, *traps]
    for one in known:
        for name, answer in one.expected.items():
            if name not in by_name or not by_name[name].allows(answer.value):
                raise ValueError(f"expected answer {name}: {answer.value:g} is not an answer of this study's scales")


def check_form(
    items: Sequence[KnownItem | KnownSet], trials: SetTrial | None, clips: int, reference: str | None
) -> None:
    """Check that gold and training items are trials where trials have several clips, and clips elsewhere.

    Args:
        clips: of a trial.
        reference: MUSHRA's reference system, one of the clips of every trial.
    Raises:
        ValueError: saying which is not, or that no answers of a trial would be right.
    """
    for item in items:
        if trials is None:
            if isinstance(item, KnownSet):
                raise ValueError(
                    "a gold or training item has `clips`, but this study rates clips by themselves: give `audio`, or "
                    "`system` and `prompt`, or choose a kind of `trials`"
                )
        elif isinstance(item, KnownItem):
            raise ValueError(
                f"a trial of kind {trials.kind!r} has several clips: list those of a gold or training item as "
                "`clips: [{system: ..., prompt: ..., expected: ...}, ...]`"
            )
        else:
            _check_set(item, trials, clips, reference)


def _check_set(item: KnownSet, trials: SetTrial, clips: int, reference: str | None) -> None:
    if len(item.clips) != clips:
        raise ValueError(
            f"a gold or training item has {len(item.clips)} clips; expected {clips}, as in every trial of this study: "
            "a rater would tell it by their number"
        )
    if trials.kind == "mushra" and [clip.system for clip in item.clips].count(reference) != 1:
        raise ValueError(f"a gold or training item of MUSHRA needs one clip of {reference!r}, the reference")
    expected = [clip.expected for clip in item.clips if clip.expected]
    if trials.kind == "preference" and len(expected) > 1:
        raise ValueError("a preference is said of both clips at once: give `expected` for one of them")
    if trials.kind == "best_worst" and not _has_right_answers([answer for one in expected for answer in one.values()]):
        raise ValueError("one clip only is best and one only is worst: the expected answers of a trial contradict this")


def _has_right_answers(answers: Sequence[KnownAnswer]) -> bool:
    """Return whether no two clips must be best, and no two must be worst."""
    must = [
        {value for value in (-1.0, 0.0, 1.0) if abs(value - answer.value) <= answer.tolerance} for answer in answers
    ]
    return must.count({1.0}) <= 1 and must.count({-1.0}) <= 1
