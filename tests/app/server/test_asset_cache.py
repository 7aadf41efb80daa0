"""The front process's files: given again as they were, to those who accept the same packing, and nothing else."""

import asyncio
from typing import Any

import pytest

from undertone.app.guard.headers import IMMUTABLE, is_immutable
from undertone.app.server.asset_cache import LONGEST_ACCEPT, MOST_FILE_BYTES, AssetCache, send_kept

PATH = "/prosody/assets/core-Bdx9080F.js"


def request(path: str = PATH, method: str = "GET", query: bytes = b"", **headers: bytes) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": named}


def answer(
    cache: AssetCache, scope: dict[str, Any], *parts: bytes, status: int = 200, kept: str = IMMUTABLE
) -> list[Any]:
    """Answer a request through the cache's recorder, and return what was sent on."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"x-own", b"of this answer"))  # as the layers above do
        sent.append(message)

    async def run() -> None:
        record = cache.recorder(scope, send)
        await record({"type": "http.response.start", "status": status, "headers": [(b"cache-control", kept.encode())]})
        for part in parts:
            await record({"type": "http.response.body", "body": part, "more_body": True})
        await record({"type": "http.response.body", "body": b""})

    asyncio.run(run())
    return sent


def sent_again(cache: AssetCache, scope: dict[str, Any]) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
    found = cache.find(scope)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    if found is None:
        return None
    asyncio.run(send_kept(found, send))
    return sent[0]["headers"], sent[1]["body"]


def test_a_file_is_given_again_whole_without_what_was_added_on_the_way() -> None:
    cache = AssetCache()
    answer(cache, request(accept_encoding=b"br"), b"one ", b"two")
    for _ in range(2):
        again = sent_again(cache, request(accept_encoding=b"br"))
        assert again == ([(b"cache-control", IMMUTABLE.encode())], b"one two")
        again[0].append((b"x-own", b"of this answer"))


@pytest.mark.parametrize(
    "other",
    [
        request(),
        request(accept_encoding=b"br;q=0"),
        request(accept_encoding=b"br", range=b"bytes=0-3"),
        request(accept_encoding=b"br", if_none_match=b"x"),
        request(accept_encoding=b"br", query=b"v=1"),
        request(accept_encoding=b"br", method="HEAD"),
        request("/results/assets/core-Bdx9080F.js", accept_encoding=b"br"),
        request("/gradio_api/file=/assets/core-Bdx9080F.js", accept_encoding=b"br"),
        request(accept_encoding=b"br" + b" " * LONGEST_ACCEPT),
    ],
)
def test_another_request_is_asked_for(other: dict[str, Any]) -> None:
    cache = AssetCache()
    answer(cache, request(accept_encoding=b"br"), b"packed")
    assert cache.find(other) is None
    if other["method"] == "HEAD" or len(other["headers"]) > 1 or other["query_string"]:
        answer(cache, other, b"other")
        assert cache.find(other) is None, "nor is it kept"


@pytest.mark.parametrize(("status", "kept"), [(404, IMMUTABLE), (206, IMMUTABLE), (200, "no-store"), (200, "")])
def test_an_answer_that_may_change_is_not_kept(status: int, kept: str) -> None:
    cache = AssetCache()
    answer(cache, request(), b"body", status=status, kept=kept)
    assert cache.find(request()) is None


def test_it_holds_no_more_than_it_may() -> None:
    cache = AssetCache(most_bytes=100)
    paths = [f"/assets/part-{number:08}.js" for number in range(9)]
    for path in paths:
        answer(cache, request(path), b"x" * 30)
    held = [path for path in paths if cache.find(request(path))]
    assert 1 <= len(held) <= 3
    assert held[-1] == paths[-1]
    answer(cache, request(), b"x" * MOST_FILE_BYTES, b"x")
    assert cache.find(request()) is None
    cache.clear()
    assert cache.find(request(paths[-1])) is None


@pytest.mark.parametrize(
    ("path", "never_changes"),
    [
        ("/assets/core-Bdx9080F.js", True),
        ("/prosody/assets/Index-Akn07EZk2.js", True),
        ("/assets/index.html", False),
        ("/static/js/iframeResizer.contentWindow.min.js", False),
        ("/theme.css", False),
    ],
)
def test_files_whose_names_hold_their_hash_never_change(path: str, never_changes: bool) -> None:
    assert is_immutable(path) is never_changes
