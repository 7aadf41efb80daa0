"""What a rehearsal measures."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class CrowdMeasures:
    """Times in seconds and counts, collected while people are played.

    Attributes:
        acknowledged: nonce of every rating that the server has acknowledged.
        rating_seconds: from sending a rating to its acknowledgement.
        first_sound_seconds, run_seconds: of visitors, from the request on.
        places: in the queue, as visitors were told.
        refused: requests that were answered otherwise than expected, by what they were.
    """

    acknowledged: set[str] = field(default_factory=set)
    rating_seconds: list[float] = field(default_factory=list)
    first_sound_seconds: list[float] = field(default_factory=list)
    run_seconds: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    sessions: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, what: str) -> None:
        """Count a request that was not answered as it should be."""
        self.refused[what] = self.refused.get(what, 0) + 1

    def summary(self, lost: int, left_bytes: int) -> dict[str, Any]:
        """Return the numbers of a rehearsal.

        Args:
            lost: acknowledged ratings that the database does not have.
            left_bytes: in the server's temporary folder when everybody had gone.
        """
        return {
            "ratings": {"acknowledged": len(self.acknowledged), "lost": lost, **_quantiles(self.rating_seconds)},
            "sessions": self.sessions,
            "runs": {
                "finished": len(self.run_seconds),
                "first_sound": _quantiles(self.first_sound_seconds),
                "whole": _quantiles(self.run_seconds),
                "last_place": max(self.places, default=0),
            },
            "refused": self.refused,
            "left_megabytes": round(left_bytes / 1e6, 2),
        }


def _quantiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the longest, in seconds; nothing for nobody."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    p95 = statistics.quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
    return {"p50": round(statistics.median(ordered), 3), "p95": round(p95, 3), "longest": round(ordered[-1], 3)}
