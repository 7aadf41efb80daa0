"""The API as tools of the Model Context Protocol (MCP), for programs that are led by a language model.

A recording comes as base64 of its file and a sound goes back as one, so that this server opens no address and no path
that a request names. Every request stands for itself: nothing of it is kept.
"""

import base64
import binascii
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from typing import Annotated, Any

import anyio
import orjson
from mcp.server.mcpserver import Context as ToolContext
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import AudioContent, CallToolResult, TextContent
from pydantic import Field
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertone.app.api.callers import Caller, RunRates
from undertone.app.api.jobs import Analysis, Event, Job
from undertone.app.api.parameters import ContinueParameters, PromptParameters, ResynthesiseParameters
from undertone.app.api.results import result_content
from undertone.app.api.running import JobThreads, refusal_of
from undertone.app.api.sounds import whole_sound
from undertone.app.asgi.api_paths import MCP_PREFIX
from undertone.app.guard.bodies import parse_json_body
from undertone.app.guard.limits import RequestLimits
from undertone.app.guard.refusal import RefusedError, refusal
from undertone.app.shared.context import Context
from undertone.app.shared.model_queue import QueuePlace
from undertone.app.shared.prompt_clip import PromptClip
from undertone.engine import AudioError, Chunk, Take
from undertone.engine.prosody import Rendering

MOST_BYTES = 8_000_000  # of a request, its recording as base64: three minutes of 16-bit wav at 16 kHz
LIMITS = RequestLimits(json_bytes=MOST_BYTES, text_chars=MOST_BYTES)
_STOP = "undertone.stop"

Sound = Annotated[str, Field(description="The recording: base64 of a wav, flac, ogg, mp3, m4a or webm file.")]
Parameters = Annotated[
    dict[str, Any] | None,
    Field(description="As the fields of the HTTP route: prompt_start, prompt_seconds, seconds, takes, seed, edit, ..."),
]
Settings = Annotated[dict[str, Any], Field(description="The settings that came with a sound, as they were.")]


class McpTools:
    """The tools and the application that serves them below `/mcp`.

    Args:
        context: of the pages too.
        rates: of the runs that callers may start.
    """

    def __init__(self, context: Context, rates: RunRates, threads: JobThreads) -> None:
        self.context, self.rates, self.threads = context, rates, threads
        self.server = MCPServer("undertone", instructions="Continue, analyse and resynthesise recordings of speech.")
        for tool in (self.continue_speech, self.resynthesise_speech, self.replay_speech, self.analyse_speech):
            self.server.tool(structured_output=False)(tool)
        # Host and Origin are the front process's to check: behind a proxy this process sees neither.
        self._app = self.server.streamable_http_app(
            streamable_http_path=MCP_PREFIX, stateless_http=True, max_request_body_size=MOST_BYTES, host="0.0.0.0"
        )

    def lifespan(self) -> Any:
        """Return the context in which requests can be answered."""
        return self.server.session_manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body was checked; its tool is told when nobody waits any more."""
        request = Request(scope, receive)
        body = b""
        if request.method == "POST":
            try:
                content = await parse_json_body(receive, request.headers.get("content-length"), LIMITS)
            except RefusedError as refused:
                await refusal(refused.status, refused.sentence)(scope, receive, send)
                return
            body = orjson.dumps(content)
        await _answer(self._app, scope, receive, send, body)

    # ------------------------------------------------------------------------------------------------------ tools

    async def continue_speech(
        self, recording: Sound, ctx: ToolContext, parameters: Parameters = None, other_recording: Sound | None = None
    ) -> CallToolResult:
        """Let the model go on from a recording, in the speaker's voice; returns wav files and the settings."""

        def events(job: Job) -> Iterator[Event]:
            wanted = ContinueParameters.of(parameters or {})
            other = _clip_if_sent(other_recording)
            return job.continue_(_clip(recording), wanted, wanted.seed_or_drawn, other)

        return await self._run(events, ctx)

    async def resynthesise_speech(
        self, recording: Sound, ctx: ToolContext, parameters: Parameters = None, other_recording: Sound | None = None
    ) -> CallToolResult:
        """Say a recording again with the same words and other or edited prosody; returns a wav file and settings."""

        def events(job: Job) -> Iterator[Event]:
            wanted = ResynthesiseParameters.of(parameters or {})
            other = _clip_if_sent(other_recording)
            return job.resynthesise(_clip(recording), wanted, wanted.seed or 0, other)

        return await self._run(events, ctx)

    async def replay_speech(
        self, recording: Sound, ctx: ToolContext, settings: Settings, other_recording: Sound | None = None
    ) -> CallToolResult:
        """Make again what saved settings describe, from the same recording; returns the same wav file."""

        def events(job: Job) -> Iterator[Event]:
            other = _clip_if_sent(other_recording)
            return job.replay(_clip(recording), orjson.dumps(settings), other)

        return await self._run(events, ctx)

    async def analyse_speech(self, recording: Sound, ctx: ToolContext, parameters: Parameters = None) -> CallToolResult:
        """Return a recording as the model sees it: units, latents, pitch and energy at 50 frames a second."""

        def events(job: Job) -> Iterator[Event]:
            return job.analyse(_clip(recording), PromptParameters.of(parameters or {}))

        return await self._run(events, ctx)

    async def _run(self, start: Any, ctx: ToolContext) -> CallToolResult:
        """Make a job's events in a thread, report them as progress, and return what was made."""
        request: Request = ctx.request_context.request  # type: ignore[assignment]
        stop: threading.Event = request.scope[_STOP]
        try:
            caller = Caller.of(request.scope)
            self.rates.count(caller)
            job = Job(self.context, caller.name, stop)
            events = await self.threads.call(lambda: start(job))
            try:
                while (event := await self.threads.next_of(events)) is not None:
                    made = _result(event)
                    if made is not None:
                        return made
                    await _report(ctx, event)
            finally:
                stop.set()
                with anyio.CancelScope(shield=True):
                    await self.threads.call(events.close)
        except Exception as error:
            raise ToolError(refusal_of(error)[1]) from None
        raise ToolError("Nothing was made.")


async def _answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
    stop = threading.Event()
    given = [body]

    async def receive_checked() -> Message:
        if given:
            return {"type": "http.request", "body": given.pop(), "more_body": False}
        message = await receive()
        if message["type"] == "http.disconnect":
            stop.set()
        return message

    headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    try:
        await app({**scope, "headers": headers, _STOP: stop}, receive_checked, send)
    finally:
        stop.set()


def _clip(recording: str) -> PromptClip:
    try:
        data = base64.b64decode(recording, validate=True)
    except (binascii.Error, ValueError):
        raise AudioError("the recording is no base64. Send the file's bytes as base64, without line breaks.") from None
    with closing(BytesIO(data)) as file:
        return PromptClip.decode(file)


def _clip_if_sent(recording: str | None) -> PromptClip | None:
    return _clip(recording) if recording else None


def _result(event: Event) -> CallToolResult | None:
    if isinstance(event, Analysis):
        return CallToolResult(content=[TextContent(type="text", text=json.dumps(event.content))])
    if not (isinstance(event, Take | Rendering) or (isinstance(event, Chunk) and event.takes)):
        return None
    audios = [take.audio for take in event.takes] if isinstance(event, Chunk) else [event.audio]
    sounds = [base64.b64encode(whole_sound(audio, "wav")).decode() for audio in audios]
    return CallToolResult(
        content=[
            TextContent(type="text", text=json.dumps(result_content(event, with_sound=False))),
            *(AudioContent(type="audio", data=sound, mime_type="audio/wav") for sound in sounds),
        ]
    )


async def _report(ctx: ToolContext, event: Event) -> None:
    """Tell how far a job is, where the client has asked for it."""
    if isinstance(event, QueuePlace):
        await ctx.report_progress(0.0, 1.0, event.text)
    elif isinstance(event, Chunk):
        await ctx.report_progress(event.frames_done / max(1, event.frames_total), 1.0)
    elif isinstance(event, float):
        await ctx.report_progress(event, 1.0)
