"""Counts of the server for Prometheus, on a port of their own: no address, no name and no answer is in them."""

import time
from dataclasses import dataclass, field
from typing import Protocol

import httpcore2
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.app.asgi.root_path import site_path
from undertone.app.server.forwarding import Upstream
from undertone.app.server.health import ModelState
from undertone.app.server.playground import METRICS_PATH
from undertone.app.server.studies_messages import QUICK_RATING_PATH

RATING_PATH = "/rate/api/rating"
_PARTS = (  # of the site; all else is a page
    "rate", "results", "sign-in", "sign-out", "prosody", "healthz", "readyz", "v1", "api", "mcp",
)  # fmt: skip
_METHODS = ("GET", "HEAD", "POST", "OPTIONS")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 20.0)
_TIMEOUTS = {"connect": 1.0, "read": 3.0, "write": 1.0, "pool": 1.0}


class Watched(Upstream, Protocol):
    """The playground, as far as it is counted."""

    @property
    def state(self) -> ModelState:
        """Return whether the model answers."""
        ...


@dataclass
class ServerMetrics:
    """The counts of the front process; those of the playground are asked for and put behind them."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        registry = self.registry
        ProcessCollector(namespace="undertone_front", registry=registry)
        self.requests = Counter(
            "undertone_requests", "Requests by what they were for", ["part", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "undertone_request_seconds", "Time to the begin of an answer", ["part"], registry=registry, buckets=_SECONDS
        )
        self.ratings = Counter("undertone_ratings", "Ratings that were kept", ["kind"], registry=registry)
        self.errors = Counter("undertone_errors", "Errors in the log of the front process", registry=registry)
        self.model = Gauge(
            "undertone_model_state", "1 for the state that the model is in", ["state"], registry=registry
        )
        for kind in ("study", "quick"):
            self.ratings.labels(kind)

    def counted(self, app: ASGIApp) -> ASGIApp:
        """Return the same application with its requests counted."""

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, method = time.monotonic(), scope["method"]
            path = scope["path"].removeprefix(site_path(""))

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._count(path, method, message["status"], time.monotonic() - began)
                await send(message)

            await app(scope, receive, watched)

        return counting

    def _count(self, path: str, method: str, status: int, seconds: float) -> None:
        first = path.lstrip("/").split("/")[0]
        part = first if first in _PARTS else "page"
        self.requests.labels(part, method if method in _METHODS else "other", f"{status // 100}xx").inc()
        self.seconds.labels(part).observe(seconds)
        if status == 200 and method == "POST":
            kind = {RATING_PATH: "study", QUICK_RATING_PATH: "quick"}.get(path)
            if kind is not None:
                self.ratings.labels(kind).inc()

    def page(self, playground: Watched) -> ASGIApp:
        """Return the application of the port of the metrics."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            response: Response = PlainTextResponse("The metrics are at /metrics.\n", 404)
            if scope["path"] == "/metrics" and scope["method"] in ("GET", "HEAD"):
                for state in ("loading", "ready", "stopped"):
                    self.model.labels(state).set(playground.state == state)
                content = generate_latest(self.registry) + await _of_playground(playground)
                response = Response(content, media_type=CONTENT_TYPE_PLAIN_0_0_4)
            await response(scope, receive, send)

        return answer


async def _of_playground(playground: Upstream) -> bytes:
    """Return what the playground has counted; nothing where it does not answer."""
    if playground.address is None:
        return b""
    url = httpcore2.URL(scheme=b"http", host=b"playground", target=METRICS_PATH.encode())
    try:
        async with httpcore2.AsyncConnectionPool(uds=str(playground.address)) as pool:
            answer = await pool.request(b"GET", url, extensions={"timeout": _TIMEOUTS})
            return answer.content if answer.status == 200 else b""
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
        return b""
