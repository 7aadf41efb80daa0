"""The API over HTTP, in the manner of OpenAI: a form with a recording in, a sound, JSON or events out."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, get_args

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from undertone.app.api.callers import Caller, RunRates
from undertone.app.api.forms import ApiForm, read_form
from undertone.app.api.jobs import Analysis, Event, Job
from undertone.app.api.parameters import ContinueParameters, PromptParameters, ResynthesiseParameters
from undertone.app.api.results import result_content
from undertone.app.api.running import JobResponse, JobThreads, failure_response, refusal_of
from undertone.app.api.sounds import (
    MEDIA_TYPES,
    STREAMED,
    SoundName,
    stream_head,
    stream_part,
    stream_parts,
    whole_sound,
)
from undertone.app.guard.refusal import RefusedError
from undertone.app.shared.context import Context
from undertone.app.shared.model_queue import QueuePlace
from undertone.app.shared.prompt_clip import PromptClip
from undertone.engine import Chunk, SettingsError, Take
from undertone.engine.prosody import Rendering

Handler = Callable[[Request, ApiForm], Awaitable[JobResponse]]
STREAM_FORMATS = ("audio", "sse")


class HttpApi:
    """Routes below `/v1`.

    Args:
        context: of the pages too.
        rates: of the runs that callers may start.
    """

    def __init__(self, context: Context, rates: RunRates, threads: JobThreads) -> None:
        self.context, self.rates, self.threads = context, rates, threads

    def app(self) -> ASGIApp:
        """Return the application to be mounted."""
        posts = {
            "continuations": self._continuations,
            "resyntheses": self._resyntheses,
            "replays": self._replays,
            "analyses": self._analyses,
        }
        return Router(
            [
                Route("/models", self._models, methods=["GET"]),
                Route("/queue", self._queue, methods=["GET"]),
                *(Route(f"/audio/{name}", self._answering(handler)) for name, handler in posts.items()),
            ]
        )

    # -----------------------------------------------------------------------------------------------------------

    async def _models(self, request: Request) -> Response:
        engine = self.context.engine
        probe = engine.bundle.probe
        model = {
            "id": self.context.model_name,
            "object": "model",
            "owned_by": "undertone",
            "sample_rate_hz": engine.sample_rate_hz,
            "frame_rate_hz": engine.frame_rate_hz,
            "max_seconds": engine.max_seconds,
            "latent_dimensions": engine.bundle.config.model.latent_dim,
            "directions": [direction.name for direction in probe.directions] if probe is not None else [],
            "systems": [engine.bundle.config.model.system, *(system.name for system in self.context.others)],
        }
        return JSONResponse({"object": "list", "data": [model]})

    async def _queue(self, request: Request) -> Response:
        place = self.context.queue.next_place()
        return JSONResponse({"position": place.position, "expected_seconds": round(place.seconds, 1)})

    def _answering(self, handler: Handler) -> ASGIApp:
        """Return the application of a route: its form is read, its job made, and what fails is said in words."""

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            request = Request(scope, receive)
            try:
                if request.method != "POST":
                    raise RefusedError(405, "Send this with POST.")
                async with read_form(request) as form:
                    response: ASGIApp = await handler(request, form)
            except ClientDisconnect:
                return
            except Exception as error:
                response = failure_response(error)
            await response(scope, receive, send)

        return _Endpoint(answer)

    async def _continuations(self, request: Request, form: ApiForm) -> JobResponse:
        values = form.values
        name, as_events = _sound_name(values), _stream_format(values) == "sse"
        as_json = name is None
        wanted = ContinueParameters.of(values)
        if wanted.takes > 1 and not as_json and not as_events:
            raise SettingsError("a stream has one take. For more, ask for response_format json or stream_format sse.")
        job, clip, seed = self._job(request), await self._clip(form), wanted.seed_or_drawn
        events = job.continue_(clip, wanted, seed, await self._other(form))
        headers = {"X-Undertone-Seed": str(seed), "X-Undertone-Sample-Rate": "16000"}
        return self._response(events, job, name, as_events, headers)

    async def _resyntheses(self, request: Request, form: ApiForm) -> JobResponse:
        values = form.values
        name, as_events = _sound_name(values), _stream_format(values) == "sse"
        wanted = ResynthesiseParameters.of(values)
        job, clip, seed = self._job(request), await self._clip(form), wanted.seed or 0
        other = await self._other(form)
        return self._response(job.resynthesise(clip, wanted, seed, other), job, name, as_events, {})

    async def _replays(self, request: Request, form: ApiForm) -> JobResponse:
        name, as_events = _sound_name(form.values), _stream_format(form.values) == "sse"
        settings = str(form.values.pop("settings", "")).encode()
        if not settings:
            raise SettingsError("settings is missing: send the JSON that lies beside the sound.")
        PromptParameters.of(form.values)
        job, clip = self._job(request), await self._clip(form)
        other = await self._other(form)
        return self._response(job.replay(clip, settings, other), job, name, as_events, {})

    async def _analyses(self, request: Request, form: ApiForm) -> JobResponse:
        wanted = PromptParameters.of(form.values)
        job, clip = self._job(request), await self._clip(form)
        return self._response(job.analyse(clip, wanted), job, None, False, {})

    # -----------------------------------------------------------------------------------------------------------

    def _job(self, request: Request) -> Job:
        caller = Caller.of(request.scope)
        self.rates.count(caller)
        return Job(self.context, caller.name)

    async def _clip(self, form: ApiForm, name: str = "file") -> PromptClip:
        file = form.file(name).file
        return await self.threads.call(lambda: PromptClip.decode(file))

    async def _other(self, form: ApiForm) -> PromptClip | None:
        return await self._clip(form, "other_file") if "other_file" in form.files else None

    def _response(
        self, events: Iterator[Event], job: Job, name: SoundName | None, as_events: bool, headers: dict[str, str]
    ) -> JobResponse:
        if as_events:
            parts, media, words = _messages(events, name or "pcm"), "text/event-stream", _error_message
            return JobResponse(parts, job.stop, self.threads, media, headers, words)
        if name is None:
            return JobResponse(_as_json(events), job.stop, self.threads, "application/json", headers)
        return JobResponse(_as_sound(events, name), job.stop, self.threads, MEDIA_TYPES[name], headers)


class _Endpoint:
    """An ASGI application, which a route takes only as an object."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def _sound_name(values: dict[str, Any]) -> SoundName | None:
    """Take the field `response_format`; None is JSON. Raises SettingsError."""
    given = values.pop("response_format", "wav")
    if given == "json":
        return None
    if given not in get_args(SoundName):
        raise SettingsError(f"response_format: expected json, {', '.join(get_args(SoundName))}.")
    name: SoundName = given
    return name


def _stream_format(values: dict[str, Any]) -> str:
    values.pop("model", None)  # OpenAI's clients send it; there is one
    given = str(values.pop("stream_format", "audio"))
    if given not in STREAM_FORMATS:
        raise SettingsError(f"stream_format: expected {' or '.join(STREAM_FORMATS)}.")
    return given


def _as_json(events: Iterator[Event]) -> Generator[bytes, None, None]:
    """Yield one JSON object at the end."""
    for event in events:
        if isinstance(event, Analysis):
            yield orjson.dumps(event.content)
        elif isinstance(event, Take | Rendering) or (isinstance(event, Chunk) and event.takes):
            yield orjson.dumps(result_content(event, with_sound=True))


def _as_sound(events: Iterator[Event], name: SoundName) -> Generator[bytes, None, None]:
    """Yield the sound as it is made where its format can be streamed, else at the end."""
    streams = name in STREAMED

    def parts() -> Iterator[bytes]:
        for event in events:
            if isinstance(event, Chunk):
                if streams:
                    yield stream_part(event.of(0), name)
                elif event.takes:
                    yield whole_sound(event.takes[0].audio, name)
            elif isinstance(event, Take | Rendering):
                yield stream_part(event.audio, name) if streams else whole_sound(event.audio, name)

    return stream_parts(stream_head(name) if streams else b"", parts())


def _messages(events: Iterator[Event], name: SoundName) -> Generator[bytes, None, None]:
    """Yield server-sent events: the place in the queue, how far it is, sound, and what was made."""
    part_name: SoundName = name if name in STREAMED else "pcm"
    for event in events:
        if isinstance(event, QueuePlace):
            yield _message("queue", position=event.position, expected_seconds=round(event.seconds, 1))
        elif isinstance(event, float):
            yield _message("progress", fraction=round(event, 3))
        elif isinstance(event, Chunk):
            for take, length in enumerate(event.lengths):
                if length:
                    sound = b64encode(stream_part(event.of(take), part_name)).decode()
                    yield _message("speech.audio.delta", take=take, audio=sound, format=part_name)
            yield _message("progress", fraction=round(event.frames_done / max(1, event.frames_total), 3))
            if event.takes:
                yield _message("speech.audio.done", **result_content(event, with_sound=False))
        elif isinstance(event, Take | Rendering):
            sound = b64encode(stream_part(event.audio, part_name)).decode()
            yield _message("speech.audio.delta", take=0, audio=sound, format=part_name)
            yield _message("speech.audio.done", **result_content(event, with_sound=False))


def _message(kind: str, **content: Any) -> bytes:
    return b"data: " + orjson.dumps({"type": kind, **content}) + b"\n\n"


def _error_message(error: Exception) -> bytes:
    status, sentence = refusal_of(error)
    return _message("error", status=status, error=sentence)
