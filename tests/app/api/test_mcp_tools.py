"""The API by a real MCP client: tools are listed, make the command line's bytes, and refuse in words."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import httpx2
import pytest

from tests.app.api.conftest import ApiSite
from tests.app.split_site import NO_CERTIFICATES
from undertone.app.cli.continuation import ContinuationOptions, continue_recording

pytest.importorskip("mcp")

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


def with_client(site: ApiSite, act: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
    async def run() -> Any:
        async with httpx2.AsyncClient(headers=site.bearer, timeout=60) as http:
            transport = streamable_http_client(f"{site.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                return await act(client)

    return asyncio.run(run())


def recording(site: ApiSite) -> str:
    return base64.b64encode(site.clip.read_bytes()).decode()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_are_listed_and_a_continuation_is_that_of_the_command_line(site: ApiSite, mode: str) -> None:
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async def act(client: Client) -> Any:
        names = {tool.name for tool in (await client.list_tools()).tools}
        given = {"recording": recording(site), "parameters": {"seconds": 0.5, "seed": 3}}
        made = await client.call_tool("continue_speech", given, progress_callback=progress)
        saved = json.loads(made.content[0].text)["takes"][0]["settings"]
        again = await client.call_tool("replay_speech", {"recording": recording(site), "settings": saved})
        return names, made, again

    names, result, again = with_client(site, act, mode)
    assert names == {"continue_speech", "resynthesise_speech", "replay_speech", "analyse_speech"}
    assert again.content[1].data == result.content[1].data
    wav, settings = continue_recording(
        str(site.bundle), ContinuationOptions(site.clip, seconds=0.5, seed=3), site.folder / f"out-mcp-{mode}"
    )
    text, sound = result.content
    assert base64.b64decode(sound.data) == wav.read_bytes()
    assert json.loads(text.text)["takes"][0]["settings"] == json.loads(settings.read_text())
    assert told == sorted(told)
    assert told


def test_a_refusal_is_words(site: ApiSite) -> None:
    async def act(client: Client) -> Any:
        wrong = [
            {"recording": "no base64!"},
            {"recording": recording(site), "parameters": {"prompt_seconds": -1}},
            {"recording": "/etc/passwd"},
            {"recording": "http://127.0.0.1/x.wav"},
        ]
        return [await client.call_tool("analyse_speech", given) for given in wrong]

    for result in with_client(site, act):
        assert result.is_error
        assert str(site.folder) not in result.content[0].text


def test_bodies_are_checked_before_the_protocol_sees_them(site: ApiSite) -> None:
    headers = {**site.bearer, "accept": "application/json, text/event-stream"}
    deep = b'{"a":' * 50 + b"1" + b"}" * 50
    for content, status in ((deep, 413), (b"[]", 400), (b'{"a": NaN}', 400), (b"x" * 9_000_000, 413)):
        answer = httpx.post(f"{site.url}/mcp", content=content, headers=headers, timeout=60, verify=NO_CERTIFICATES)
        assert answer.status_code == status, answer.text


def test_leaving_frees_the_model(site: ApiSite) -> None:
    site.idle()
    long = {"seconds": int(site.context.engine.max_seconds - 4), "end": "never", "steps": 100, "seed": 1}

    async def act(client: Client) -> None:
        call = asyncio.ensure_future(
            client.call_tool("continue_speech", {"recording": recording(site), "parameters": long})
        )
        while not site.context.queue.num_working:
            await asyncio.sleep(0.02)
        call.cancel()

    with_client(site, act)
    site.idle()
