"""How long the same requests take in this process and with replicas, in one run: a busy machine slows all alike."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import torch

from undertone.app.replicas.remote import RemoteEngine
from undertone.engine import Engine, Sampling, Speech, Take, TakesRequest

SECONDS = 4.0
REPEATS = 3  # in turns; the shortest counts: a neighbour can only slow a run down
FURTHEST = 1e-3  # of a sample, between the ways


class DifferentSamplesError(RuntimeError):
    """Ways that did not make the same takes."""


@dataclass(frozen=True)
class ReplicaMeasurement:
    """Seconds for all requests, each of one take of `SECONDS`.

    Attributes:
        one_by_one: in this process, one request after the other.
        together: in this process, drawn together.
        replicas: over the replicas, each with one request at a time.
        replicas_together: over the replicas, all at once.
        largest_difference: between samples of the ways.
    """

    requests: int
    threads: int
    one_by_one: float
    together: float
    replicas: float
    replicas_together: float
    largest_difference: float

    def report(self) -> dict[str, float]:
        """Return the numbers, and how many times as fast as one by one the others are."""
        ratios = {name: self.one_by_one / getattr(self, name) for name in ("together", "replicas", "replicas_together")}
        return asdict(self) | {f"{name}_times_as_fast": round(ratio, 3) for name, ratio in ratios.items()}


def measure_replicas(
    engine: Engine, remote: RemoteEngine, speech: Speech, requests: int, replicas: int
) -> ReplicaMeasurement:
    """Measure a number of requests over a number of replicas. Raises DifferentSamplesError."""
    asked = [TakesRequest(speech, SECONDS, Sampling(end="never"), seed) for seed in range(requests)]
    ways: dict[str, Callable[[], list[Take]]] = {
        "one_by_one": lambda: [_alone(engine, one) for one in asked],
        "together": lambda: [takes[0] for takes in engine.takes_together(asked)],
        "replicas": lambda: _at_once(remote, asked, replicas),
        "replicas_together": lambda: _at_once(remote, asked, requests),
    }
    expected = {name: way() for name, way in ways.items()}  # what a first run waits for is no part of it
    difference = max(_distance(takes, expected["one_by_one"]) for takes in expected.values())
    if difference > FURTHEST:
        raise DifferentSamplesError(f"samples differ by {difference:g} between one by one, together and the replicas")
    runs = [{name: _seconds(way) for name, way in ways.items()} for _ in range(REPEATS)]
    seconds = {name: min(run[name] for run in runs) for name in ways}
    return ReplicaMeasurement(requests, torch.get_num_threads(), largest_difference=difference, **seconds)


def _alone(engine: Engine, request: TakesRequest) -> Take:
    return engine.continue_(request.speech, request.seconds, request.sampling, request.seed)


def _at_once(engine: Engine, requests: Sequence[TakesRequest], most: int) -> list[Take]:
    """Return the take of each request; so many at most are asked for at a time."""
    with ThreadPoolExecutor(most) as threads:
        return list(threads.map(lambda request: _alone(engine, request), requests))


def _distance(made: Sequence[Take], expected: Sequence[Take]) -> float:
    return max(float((a.audio - b.audio).abs().max()) for a, b in zip(made, expected, strict=True))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
