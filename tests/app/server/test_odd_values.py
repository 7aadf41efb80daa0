"""No value that a request can carry makes the two processes of `undertone serve` answer 500."""

import time
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.app.split_site import NO_CERTIFICATES, SplitSite, split_site
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.asgi.client_address import PROXIES_VARIABLE

NUMBERS = ("1" + 400 * "0", "-1e400", "NaN", 5000 * "9")
TEXTS = ('"\\ud800"', '"a\\u0000b"', '"\\udfff\\ud800"')
KEYS = ("study", "panel", "code", "answers", "value", "sound", "position", "token", "value_1", "version")
RATE_POSTS = ("begin", "resume", "answer", "heard", "rating", "finish", "decline", "withdraw")
ENCODED = ("%ED%A0%80", "%00", "%FF%FE", "1" + 400 * "0")  # a lone surrogate, NUL, no UTF-8, a long number
QUEUES = ("/results/gradio_api/queue/join", "/gradio_api/queue/join", "/results/gradio_api/call/nothing")
_address = count()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SplitSite]:
    folder = tmp_path_factory.mktemp("odd")
    with split_site(make_tiny_bundle(folder / "tiny"), folder / "data", **{PROXIES_VARIABLE: "127.0.0.1"}) as running:
        for path in ("/rate", "/sign-in", "/"):
            running.until(path)
        while running.get("/results/config").status_code == 503:  # Results is built behind the raters' pages
            time.sleep(0.1)
        yield running


def send(site: SplitSite, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> httpx.Response:
    """Answer of one request from an address of its own, so that no limit on requests answers instead."""
    number = next(_address)
    headers = {"content-type": kind, "x-forwarded-for": f"203.0.{number // 250}.{number % 250}", "origin": site.url}
    address = site.url + path
    return httpx.request(method, address, content=body, headers=headers, timeout=60, verify=NO_CERTIFICATES)


@pytest.mark.parametrize("value", [*NUMBERS, *TEXTS], ids=lambda value: value[:10])
def test_no_value_in_a_body_is_an_internal_error(site: SplitSite, value: str) -> None:
    bodies = [value, f"[{value}]", "{" + ", ".join(f'"{key}": {value}' for key in KEYS) + "}"]
    bodies.append(f'{{"data": [{value}], "fn_index": {value}, "session_hash": {value}}}')
    for path in (*(f"/rate/api/{name}" for name in RATE_POSTS), *QUEUES):
        for body in bodies:
            answer = send(site, "POST", path, body.encode())
            assert answer.status_code < 500, (path, body[:60], answer.text[:200])


@pytest.mark.parametrize("value", ENCODED)
def test_no_value_in_a_path_query_or_form_is_an_internal_error(site: SplitSite, value: str) -> None:
    paths = [f"/rate/{value}", f"/rate/api/audio/{value}", f"/results/{value}", f"/sign-in/{value}", f"/{value}"]
    paths += [f"{path}?{key}={value}" for path in ("/rate", "/sign-in", "/results/", "/") for key in ("next", "study")]
    for path in paths:
        answer = send(site, "GET", path)
        assert answer.status_code < 500, (path[:60], answer.text[:200])
    form = f"name={value}&passphrase={value}&next={value}".encode()
    answer = send(site, "POST", "/sign-in", form, "application/x-www-form-urlencoded")
    assert answer.status_code < 500, answer.text[:200]


def test_a_forwarded_host_comes_back_in_no_configuration(site: SplitSite) -> None:
    forwarded = {
        "x-forwarded-host": "evil.example",
        "forwarded": "host=evil.example",
        "x-forwarded-server": "evil.example",
    }
    answer = site.get("/config", headers=forwarded)
    assert (answer.status_code, "components" in answer.json()) == (200, True)
    for path in ("/config", "/", "/prosody/", "/sign-in", "/rate", "/prosody/config"):
        assert "evil.example" not in site.get(path, headers=forwarded).text, path
