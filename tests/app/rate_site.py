"""The rater's routes without a browser: what a program can send and what it gets back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from tests.rating_study import CLIP_SECONDS
from undertone.app.rate import rate_router
from undertone.studies.sessions import Sessions
from undertone.studies.store import Database


@dataclass
class Clock:
    """The server's time, moved by the test."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


A_CLIENT_IS_FASTER_THAN_A_PERSON = "100000/second"


def make_site(
    db: Database,
    media: Path,
    clock: Callable[[], datetime],
    secret: str = "secret",
    limit_of_session: str = A_CLIENT_IS_FASTER_THAN_A_PERSON,
) -> TestClient:
    """A site with nothing but the rater's routes."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(rate_router(Sessions(db, media, secret), clock, limit_of_session))
    return TestClient(app)


@dataclass
class Client:
    """One rater's requests; keeps every byte that came back."""

    site: TestClient
    clock: Clock
    token: str = ""
    view: dict[str, Any] = field(default_factory=dict)
    received: list[Response] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any = None) -> Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = self.site.request(method, f"/rate/api/{path}", json=body, headers=headers)
        self.received.append(response)
        return response

    def post(self, path: str, **body: Any) -> Response:
        return self.send("POST", path, body)

    def begin(self, study: str, **query: str) -> "Client":
        answer = self.post("begin", study=study, query=query).json()
        self.token, self.view = answer["token"], answer["view"]
        return self

    def answer(self, **given: Any) -> None:
        response = self.post("answer", section=self.view["progress"]["step"], **given)
        assert response.status_code == 200, response.text
        self.view = response.json()

    def hear(self) -> dict[str, Any]:
        trial = self.view["trial"]["id"]
        assert self.send("GET", f"audio/{trial}").status_code == 200
        self.clock.wait(CLIP_SECONDS + 1)
        return {"trial": trial, "listened": [[0, CLIP_SECONDS]], "plays": 1, "hidden_seconds": 0}

    def rate_clip(self, value: float = 3) -> None:
        heard = self.hear()
        for index, scale in enumerate(self.view["scales"]):
            nonce = f"{heard['trial']}-{index}"
            response = self.post("rating", **heard, scale=scale["name"], value=value, nonce=nonce)
            assert response.status_code == 200, response.text
        self.view = self.post("finish", trial=heard["trial"]).json()["view"]

    def rate_all(self) -> None:
        state = self.view["state"]
        while self.view["state"] == state:
            if "break" in self.view:
                self.answer()
            else:
                self.rate_clip()
