"""Proof of listening: the played intervals that the page reports, checked against the server's clock."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from undertone.studies.sessions.errors import STRANGE, SessionError

COVERAGE = 0.98  # of the clip; what a browser reports ends some milliseconds before the end
_BRIDGED_SECONDS = 0.05  # a gap this short between two intervals is the browser's clock, not a jump
_MOST_INTERVALS = 200  # that one request may report

Interval = tuple[float, float]


def merge_intervals(intervals: Iterable[Sequence[float]], seconds: float) -> list[Interval]:
    """Return the intervals in order, without overlaps, inside the clip.

    Args:
        intervals: (start, end) in seconds, in any order.
        seconds: length of the clip.
    Raises:
        SessionError: not numbers, backwards, or too many.
    """
    listed = [tuple(interval) for interval in intervals]
    if len(listed) > _MOST_INTERVALS or any(len(interval) != 2 for interval in listed):
        raise SessionError("bad_answer", STRANGE)
    result: list[Interval] = []
    for start, end in sorted((float(interval[0]), float(interval[1])) for interval in listed):
        if not (math.isfinite(start) and math.isfinite(end) and start <= end):
            raise SessionError("bad_answer", STRANGE)
        start, end = max(0.0, start), min(seconds, end)
        if end <= start:
            continue
        if result and start <= result[-1][1] + _BRIDGED_SECONDS:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def covers(intervals: Sequence[Sequence[float]], seconds: float) -> bool:
    """Return whether merged intervals cover the whole clip."""
    return sum(end - start for start, end in intervals) >= COVERAGE * seconds


def seconds_to_wait(since: datetime | None, seconds: float, now: datetime) -> float:
    """Return how long until the clip can have been heard, in seconds by the server's clock; 0 when it can.

    Args:
        since: the earliest moment at which it can have begun to play; None when it was never sent.
        seconds: length of the clip.
    """
    needed = timedelta(seconds=COVERAGE * seconds)
    if since is None:
        return needed.total_seconds()
    return min(max(0.0, (since + needed - now).total_seconds()), needed.total_seconds())
