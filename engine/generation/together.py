"""Several requests for takes as one call."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from undertone.engine.generation.pool import TakePool
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.speech import Speech
from undertone.engine.generation.stream import ContinuationRequest
from undertone.engine.generation.take import Take
from undertone.engine.generation.take_settings import StepKind


@dataclass(frozen=True, eq=False)
class TakesRequest:
    """Request for takes, as `Engine.takes` is asked for them."""

    speech: Speech
    seconds: float = 10.0
    sampling: Sampling = field(default_factory=Sampling)
    seed: int | None = None
    num_takes: int = 1
    step: StepKind | None = None


def takes_together(pool: TakePool, requests: Sequence[ContinuationRequest]) -> list[list[Take]]:
    """Return the takes of every request, in their order; those wait for which there are no slots yet.

    Args:
        pool: empty, with slots for the largest of the requests.
    """
    made: list[list[Take]] = [[] for _ in requests]
    waiting = list(enumerate(requests))
    while waiting or pool.num_free < pool.slots:
        events = pool.step()
        while waiting and len(waiting[0][1].settings) <= pool.num_free:
            events += pool.add(*waiting.pop(0))
        for event in events:
            if isinstance(event.outcome, Exception):
                raise event.outcome
            made[event.key] += event.outcome.takes
    return made
