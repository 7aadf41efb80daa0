"""What a process with the model counts of its work, for Prometheus. Nothing of a visitor is in it."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from undertone.app.shared.model_queue import ModelQueue

STEP_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0)  # a frame lasts 0.02 s
WAIT_SECONDS = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 15.0)

REGISTRY = CollectorRegistry()
STEP = Histogram(
    "undertone_step_seconds",
    "Time that the model takes for a frame of 20 ms, of all takes of a run together",
    registry=REGISTRY,
    buckets=STEP_SECONDS,
)
FIRST_SOUND = Histogram(
    "undertone_first_sound_seconds",
    "Time from the begin of a run's generation to its first sound",
    registry=REGISTRY,
    buckets=WAIT_SECONDS,
)
ERRORS = Counter("undertone_model_errors", "Errors in the log of the process with the model", registry=REGISTRY)
ProcessCollector(namespace="undertone_playground", registry=REGISTRY)


class StepTimer:
    """The times between the chunks of one run.

    Args:
        began: seconds of `time.monotonic` when the generation began.
    """

    def __init__(self, began: float) -> None:
        self._began = self._last = began
        self._frames = 0

    def chunk(self, frames_done: int, now: float) -> None:
        """Note a chunk: `frames_done` of the run are made at the time `now`."""
        if self._frames == 0:
            FIRST_SOUND.observe(now - self._began)
        if frames_done > self._frames:
            STEP.observe((now - self._last) / (frames_done - self._frames))
        self._frames, self._last = frames_done, now


class QueueCollector(Collector):
    """How many requests wait for the model, and how many are at work, of all pages and programs of a process."""

    def __init__(self, queue: ModelQueue) -> None:
        self._queue = queue

    def collect(self) -> Iterable[Metric]:
        """Return both counts as they are now."""
        counts = GaugeMetricFamily("undertone_queue_events", "Requests before the model", labels=["state"])
        counts.add_metric(["waiting"], self._queue.num_waiting)
        counts.add_metric(["working"], self._queue.num_working)
        yield counts
