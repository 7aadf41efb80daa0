"""What a study found on one scale, in one sentence, which claims no more than its tests allow."""

from collections.abc import Sequence

from undertone.studies.analysis.pairs import CONSTANT, PRIMARY, SYSTEMS, SystemDifference
from undertone.studies.analysis.preferences import Preference, Preferences
from undertone.studies.analysis.ranking import Ranking
from undertone.studies.analysis.scale_results import ScaleResults
from undertone.studies.analysis.wording import counted

MOST_NAMED = 3  # pairs in the sentence; the table has the others


def finding_sentence(found: ScaleResults) -> str:
    """Return what was found on a scale; that nothing is concluded while the study runs or no session is accepted.

    Pairs differ at 5 % after Holm's correction within their family: of declared contrasts where there are any, else of
    systems. Ground truth and anchors are told only where nothing else was compared.
    """
    if not found.tested:
        return f"The study still runs: nothing is concluded on {found.scale} before it is closed."
    if not found.screened:
        return f"Nothing is concluded on {found.scale}, as no session is accepted yet."
    if found.preferences is not None:
        return _preferred(found.preferences)
    if found.ranking is not None:
        return _ranked(found.ranking, found.scale)
    return _compared(found)


def _compared(found: ScaleResults) -> str:
    scores = found.mos.systems
    if len(scores) == 1:
        return (
            f"On {found.scale}, only {scores[0].system} was rated, at {scores[0].mean.value:.2f}; nothing is compared."
        )
    pairs = _first_family(found.comparison.pairs)
    judged = [pair for pair in pairs if pair.different is not None]
    if not judged:
        constant = bool(pairs) and all(pair.note == CONSTANT for pair in pairs)
        why = "vary too little" if constant else "are too few"
        return f"On {found.scale}, the ratings {why} to say whether systems differ."
    different = sorted((pair for pair in judged if pair.different), key=lambda pair: -abs(pair.value))
    if not different:
        widest = max(judged, key=lambda pair: abs(pair.value))
        which = f"{widest.first} less {widest.second}"
        named = which if len(judged) == 1 else f"the largest of {counted(len(judged), 'pair')}, {which},"
        return (
            f"On {found.scale}, no difference was found that chance does not explain; {named} is "
            f"{widest.value:+.2f}{_interval(widest)}."
        )
    told = ", ".join(_difference(pair) for pair in different[:MOST_NAMED])
    more = f" and {counted(len(different) - MOST_NAMED, 'more pair')}" if len(different) > MOST_NAMED else ""
    same = len(judged) - len(different)
    rest = f"; of {counted(same, 'other pair')} no difference was found" if same else ""
    return f"On {found.scale}, {told}{more}{' differ' if more else ''}{rest} (5 %, after Holm's correction)."


def _first_family(pairs: Sequence[SystemDifference]) -> list[SystemDifference]:
    """Return the pairs that the study is about: declared ones, else pairs of systems, else all."""
    for family in (PRIMARY, SYSTEMS):
        if chosen := [pair for pair in pairs if pair.family == family]:
            return chosen
    return list(pairs)


def _difference(pair: SystemDifference) -> str:
    better, worse = (pair.first, pair.second) if pair.value > 0 else (pair.second, pair.first)
    return f"{better} was rated {abs(pair.value):.2f} above {worse}"


def _interval(pair: SystemDifference) -> str:
    return "" if pair.low is None or pair.high is None else f" (95 % interval {pair.low:+.2f} to {pair.high:+.2f})"


def _preferred(found: Preferences) -> str:
    judged = [pair for pair in found.pairs if pair.different is not None]
    if not judged:
        return f"On {found.scale}, the answers are too few to say whether one is preferred."
    different = [pair for pair in judged if pair.different]
    if not different:
        pairs = counted(len(judged), "pair")
        return f"On {found.scale}, no preference was found that chance does not explain, in {pairs}."
    told = ", ".join(_preference(pair) for pair in different[:MOST_NAMED])
    more = f", and {counted(len(different) - MOST_NAMED, 'more preference')} were found" * (len(different) > MOST_NAMED)
    return f"On {found.scale}, {told}{more} (5 %, after Holm's correction)."


def _preference(pair: Preference) -> str:
    first, _, second = pair.shares
    if pair.preference.value > 0:
        return f"{pair.second} was preferred to {pair.first} ({second:.0%} to {first:.0%} of answers)"
    return f"{pair.first} was preferred to {pair.second} ({first:.0%} to {second:.0%} of answers)"


def _ranked(found: Ranking, scale: str) -> str:
    ordered = sorted(found.systems, key=lambda one: -one.strength)
    first = [one.system for one in ordered if one.best_rank == 1]
    if len(first) == 1:
        chance = f"with a probability of {ordered[0].chance:.0%} to be chosen over another"
        return f"On {scale}, {first[0]} comes first of {len(ordered)} systems, {chance}."
    return f"On {scale}, the first place is open between {', '.join(first[:-1])} and {first[-1]}."
