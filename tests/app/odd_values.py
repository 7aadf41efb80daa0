"""Values that a request can carry and nobody expects, and requests that carry them."""

from itertools import count

import httpx

from tests.app.split_site import NO_CERTIFICATES, SplitSite

NUMBERS = ("1" + 400 * "0", "-1e400", "NaN", 5000 * "9")
TEXTS = ('"\\ud800"', '"a\\u0000b"', '"\\udfff\\ud800"')
KEYS = ("study", "panel", "code", "answers", "value", "sound", "position", "token", "value_1", "version")
RATE_POSTS = ("begin", "resume", "answer", "heard", "rating", "finish", "decline", "withdraw")
ENCODED = ("%ED%A0%80", "%00", "%FF%FE", "1" + 400 * "0")  # a lone surrogate, NUL, no UTF-8, a long number
QUEUES = ("/results/gradio_api/queue/join", "/gradio_api/queue/join", "/results/gradio_api/call/nothing")
_address = count()


def send(site: SplitSite, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> httpx.Response:
    """Answer of one request from an address of its own, so that no limit on requests answers instead."""
    number = next(_address)
    headers = {"content-type": kind, "x-forwarded-for": f"203.0.{number // 250}.{number % 250}", "origin": site.url}
    address = site.url + path
    return httpx.request(method, address, content=body, headers=headers, timeout=60, verify=NO_CERTIFICATES)
