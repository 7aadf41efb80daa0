"""Requests are counted by the part of the site, whatever somebody asks for, and nothing else of them is kept."""

import pytest
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from undertone.app.asgi.root_path import under
from undertone.app.server.metrics import ServerMetrics


def answer(_: object) -> Response:
    return PlainTextResponse("here")


SITE = Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST", "PATCH"])])


def counts(path: str, method: str = "GET", root: str = "") -> str:
    metrics = ServerMetrics()
    with under(root):
        TestClient(metrics.counted(SITE)).request(method, path)
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize(
    ("path", "part"),
    [("/", "page"), ("/rate/some-study", "rate"), ("/results/", "results"), ("/prosody/", "prosody"),
     ("/healthz", "healthz"), ("/somebody@example.org", "page"), ("//", "page")],
)  # fmt: skip
def test_a_request_is_counted_by_what_it_was_for(path: str, part: str) -> None:
    text = counts(path)
    assert f'undertone_requests_total{{method="GET",part="{part}",status="2xx"}} 1.0' in text
    assert "example.org" not in text
    assert "some-study" not in text


@pytest.mark.parametrize("path", ["/voice", "/voice/rate/x", "/rate/x"])
def test_under_a_sub_path_the_parts_are_the_same(path: str) -> None:
    part = "rate" if "rate" in path else "page"
    assert f'part="{part}"' in counts(path, root="/voice")


def test_methods_that_nobody_needs_are_one_kind() -> None:
    assert 'method="other"' in counts("/", "PATCH")
