"""People who are played: raters who hear and rate clips, visitors who let recordings continue, and idle connections."""

import asyncio
import contextlib
import json
import random
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from undertone.app.load.measured import CrowdMeasures

_ANSWER_SECONDS = 1.0, 4.0  # from a clip's end, or the last answer, to an answer, evenly: 5 s for both scales
_BETWEEN_SECONDS = 1.0


@dataclass(frozen=True)
class Rehearsal:
    """What the people know.

    Attributes:
        url: of the server.
        study: id of the listening study.
        clip: that visitors send.
        clip_seconds: of the study's clips.
        keys: of the API, one for each visitor.
        speech_seconds: that visitors ask for.
        until: time of `time.monotonic` at which nobody begins anything new.
    """

    url: str
    study: str
    clip: Path
    clip_seconds: float
    keys: tuple[str, ...]
    speech_seconds: float
    until: float

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until


def own_address(person: int) -> str:
    """Return a person's own address of the loopback network, as a server limits what one address may do."""
    return f"127.0.{1 + person // 250}.{1 + person % 250}"


async def play_rater(rehearsal: Rehearsal, measured: CrowdMeasures, person: int) -> None:
    """Take part in the study again and again, each time as somebody new; `person` counts everybody who is played."""
    await asyncio.sleep(random.uniform(0, rehearsal.clip_seconds))  # people do not come at the same moment
    own = httpx.AsyncHTTPTransport(local_address=own_address(person))
    async with httpx.AsyncClient(base_url=f"{rehearsal.url}/rate/api/", timeout=60, transport=own) as client:
        while not rehearsal.is_over:
            try:
                await _take_part(client, rehearsal, measured)
            except (httpx.HTTPError, KeyError) as error:
                measured.refuse(f"rater: {_what_happened(error)}")
                await asyncio.sleep(_BETWEEN_SECONDS)


async def _take_part(client: httpx.AsyncClient, rehearsal: Rehearsal, measured: CrowdMeasures) -> None:
    begun = await _post(client, "begin", study=rehearsal.study, query={})
    client.headers["Authorization"] = f"Bearer {begun['token']}"
    view = begun["view"]
    if "progress" not in view:  # the study has no more clips for anybody
        measured.refuse("rater: nothing to rate")
        await asyncio.sleep(_BETWEEN_SECONDS)
        return
    view = await _post(client, "answer", section=view["progress"]["step"], agree=True)
    while view.get("trial") is not None and not rehearsal.is_over:
        view = await _rate(client, rehearsal, view, measured)
    measured.sessions += view.get("trial") is None


async def _rate(client: httpx.AsyncClient, rehearsal: Rehearsal, view: Any, measured: CrowdMeasures) -> Any:
    """Hear a clip, rate it on every scale and go on; returns the next view."""
    trial = view["trial"]["id"]
    (await client.get(f"audio/{trial}")).raise_for_status()
    await asyncio.sleep(rehearsal.clip_seconds)
    heard = {"trial": trial, "listened": [[0, rehearsal.clip_seconds]], "plays": 1, "hidden_seconds": 0}
    for scale in view["scales"]:
        await asyncio.sleep(random.uniform(*_ANSWER_SECONDS))
        nonce, value = secrets.token_hex(12), scale["answers"][secrets.randbelow(len(scale["answers"]))]["value"]
        began = time.monotonic()
        await _post(client, "rating", **heard, scale=scale["name"], value=value, nonce=nonce)
        measured.rating_seconds.append(time.monotonic() - began)
        measured.acknowledged.add(nonce)
    return (await _post(client, "finish", trial=trial))["view"]


async def _post(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


async def play_visitor(rehearsal: Rehearsal, measured: CrowdMeasures, person: int, key: str) -> None:
    """Let the recording continue again and again."""
    sound = rehearsal.clip.read_bytes()
    headers = {"Authorization": f"Bearer {key}"}
    own = httpx.AsyncHTTPTransport(local_address=own_address(person))
    fields = {"seconds": f"{rehearsal.speech_seconds:g}", "stream_format": "sse"}
    async with httpx.AsyncClient(timeout=600, headers=headers, transport=own) as client:
        while not rehearsal.is_over:
            began, first, ended = time.monotonic(), None, False
            request = client.stream(
                "POST", f"{rehearsal.url}/v1/audio/continuations", data=fields, files={"file": sound}
            )
            try:
                async with request as answer:
                    answer.raise_for_status()
                    async for line in answer.aiter_lines():
                        said = json.loads(line[5:]) if line.startswith("data:") else {}
                        if said.get("type") == "queue":
                            measured.places.append(said["position"])
                        elif said.get("type") == "speech.audio.delta" and first is None:
                            first = time.monotonic() - began
                        ended = ended or said.get("type") == "speech.audio.done"
            except httpx.HTTPError as error:
                measured.refuse(f"visitor: {_what_happened(error)}")
                await asyncio.sleep(_BETWEEN_SECONDS)
                continue
            if not ended or first is None:
                measured.refuse("visitor: no sound")
                continue
            measured.first_sound_seconds.append(first)
            measured.run_seconds.append(time.monotonic() - began)


def _what_happened(error: Exception) -> str:
    return str(error.response.status_code) if isinstance(error, httpx.HTTPStatusError) else type(error).__name__


async def hold_connection(rehearsal: Rehearsal, person: int, slow: bool) -> None:
    """Hold a connection open and open it again when it is closed: say nothing, or a byte a second of a request."""
    parts = urlsplit(rehearsal.url)
    while not rehearsal.is_over:
        with contextlib.suppress(OSError):
            own = (own_address(person), 0)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=own)
            try:
                await _linger(reader, writer, rehearsal, slow)
            finally:
                writer.close()
        await asyncio.sleep(0.2)


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rehearsal: Rehearsal, slow: bool) -> None:
    head = iter(b"POST /v1/audio/continuations HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 10_000)
    while not rehearsal.is_over and not reader.at_eof():
        if slow:
            writer.write(bytes([next(head)]))
            await writer.drain()
        with contextlib.suppress(TimeoutError):
            if not await asyncio.wait_for(reader.read(1), 1.0):
                return
