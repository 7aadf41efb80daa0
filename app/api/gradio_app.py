"""The API for `gradio_client`: endpoints with documented names, behind the same gate as the pages."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import gradio as gr
import orjson

from undertone.app.api.callers import Caller, RunRates
from undertone.app.api.jobs import Analysis, Event, Job
from undertone.app.api.parameters import ContinueParameters, PromptParameters, ResynthesiseParameters
from undertone.app.api.results import result_content
from undertone.app.api.sounds import pcm_bytes, whole_sound
from undertone.app.guard.errors import VisibleError
from undertone.app.guard.unserved import unserved_blocks
from undertone.app.shared.context import Context
from undertone.app.shared.model_queue import MAX_WAITING, QueuePlace
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.visitor import Visitor
from undertone.engine import Cancelled, Chunk, Take
from undertone.engine.prosody import Rendering

Settings = dict[str, Any]
Files = list[str]


class GradioApi:
    """The endpoints.

    Args:
        context: of the pages too.
        rates: of the runs that callers may start.
    """

    def __init__(self, context: Context, rates: RunRates) -> None:
        self.context, self.rates = context, rates

    @unserved_blocks()
    def build(self) -> gr.Blocks:
        """Return the Blocks whose events are the endpoints."""
        with gr.Blocks(title="Undertone's API", analytics_enabled=False) as blocks:
            gr.Markdown("Endpoints for `gradio_client`; see `view_api()`.")
            visit = gr.State(Visitor(self.context.folder), delete_callback=Visitor.close)
            audio = gr.Audio(type="filepath", label="recording")
            other = gr.Audio(type="filepath", label="other recording")
            settings = gr.JSON(label="parameters")
            files, result = gr.File(file_count="multiple", label="sounds"), gr.JSON(label="result")
            button = gr.Button("Run")
            more: dict[str, Any] = {"concurrency_id": "api", "concurrency_limit": MAX_WAITING}
            button.click(self.continue_, [visit, audio, settings], [files, result], api_name="continue", **more)
            button.click(self.stream, [visit, audio, settings], result, api_name="stream", **more)
            button.click(
                self.continue_edited,
                [visit, audio, other, settings],
                [files, result],
                api_name="continue_edited",
                **more,
            )
            button.click(
                self.resynthesise, [visit, audio, other, settings], [files, result], api_name="resynthesise", **more
            )
            button.click(self.replay, [visit, audio, other, settings], [files, result], api_name="replay", **more)
            button.click(self.analyse, [visit, audio, settings], result, api_name="analyse", **more)
            button.click(_stop, visit, None, api_name="cancel", queue=False)

            def leave(request: gr.Request) -> None:
                self.context.leave(request.session_hash)

            blocks.unload(leave)
        blocks.queue(default_concurrency_limit=MAX_WAITING, max_size=MAX_WAITING, api_open=False)
        blocks.limiter = anyio.CapacityLimiter(MAX_WAITING + 8)
        return blocks

    # ------------------------------------------------------------------------------------------------ endpoints

    def continue_(
        self, visit: Visitor, recording: str | None, parameters: Settings | None, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Continue a recording: the wav files that `undertone continue` writes, and their settings.

        Until the end come the place in the queue and how far it is.
        """
        yield from self.continue_edited(visit, recording, None, parameters, request)

    def continue_edited(
        self, visit: Visitor, recording: str | None, other: str | None, parameters: Settings | None, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Continue a recording that is edited before, as `continue` does; with another recording, also towards that."""
        wanted = ContinueParameters.of(parameters or {})
        job = self._job(visit, request)
        second = _clip_if_sent(other)
        yield from self._made(visit, job, job.continue_(_clip(recording), wanted, wanted.seed_or_drawn, second))

    def stream(
        self, visit: Visitor, recording: str | None, parameters: Settings | None, request: gr.Request
    ) -> Iterator[Any]:
        """Continue a recording as it is made: 16-bit samples at 16 kHz as base64 for each take, at the end settings."""
        wanted = ContinueParameters.of(parameters or {})
        job = self._job(visit, request)
        with closing(job.continue_(_clip(recording), wanted, wanted.seed_or_drawn)) as events:
            for event in events:
                yield _described(event)

    def resynthesise(
        self, visit: Visitor, recording: str | None, other: str | None, parameters: Settings | None, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Say a recording again, with other or edited latents."""
        wanted = ResynthesiseParameters.of(parameters or {})
        job = self._job(visit, request)
        second = _clip_if_sent(other)
        yield from self._made(visit, job, job.resynthesise(_clip(recording), wanted, wanted.seed or 0, second))

    def replay(
        self, visit: Visitor, recording: str | None, other: str | None, settings: Settings | None, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Make again what saved settings describe."""
        job = self._job(visit, request)
        second = _clip_if_sent(other)
        yield from self._made(visit, job, job.replay(_clip(recording), orjson.dumps(settings or {}), second))

    def analyse(
        self, visit: Visitor, recording: str | None, parameters: Settings | None, request: gr.Request
    ) -> Iterator[Any]:
        """Return tokens, latents, pitch and energy of a recording."""
        job = self._job(visit, request)
        with closing(job.analyse(_clip(recording), PromptParameters.of(parameters or {}))) as events:
            for event in events:
                yield event.content if isinstance(event, Analysis) else _described(event)

    # ----------------------------------------------------------------------------------------------------- parts

    def _job(self, visit: Visitor, request: gr.Request) -> Job:
        """Return the job of a request; leaving, or the endpoint `cancel`, stops it."""
        caller = Caller.of(request.request.scope)
        self.rates.count(caller)
        self.context.remember(request.session_hash, visit)
        run = visit.begin()
        return Job(self.context, caller.name, run.stop)

    def _made(self, visit: Visitor, job: Job, events: Iterator[Event]) -> Iterator[tuple[Any, Any]]:
        """Yield what is said of an event, then the files of what was made with their settings."""
        try:
            for event in events:
                is_made = isinstance(event, Take | Rendering) or (isinstance(event, Chunk) and event.takes)
                if not is_made:
                    yield gr.skip(), _described(event)
                    continue
                assert isinstance(event, Take | Rendering | Chunk)
                audios = [take.audio for take in event.takes] if isinstance(event, Chunk) else [event.audio]
                folder = visit.folder / secrets.token_urlsafe(8)
                folder.mkdir()
                paths = [_write(folder / f"take-{number}.wav", audio) for number, audio in enumerate(audios)]
                yield paths, result_content(event, with_sound=False)
        except Cancelled:
            raise VisibleError("This run was cancelled.") from None
        finally:
            job.stop.set()
            _close(events)


def _stop(visit: Visitor) -> None:
    """End the run of this client that is under way."""
    visit.cancel()


def _clip(path: str | None) -> PromptClip:
    if not path:
        raise VisibleError("There is no recording. Send one with handle_file.")
    return PromptClip.read(path)


def _clip_if_sent(path: str | None) -> PromptClip | None:
    return PromptClip.read(path) if path else None


def _described(event: Event) -> Settings:
    """Return an event before the end as JSON."""
    if isinstance(event, QueuePlace):
        return {"type": "queue", "position": event.position, "expected_seconds": round(event.seconds, 1)}
    if isinstance(event, Chunk):
        fraction = event.frames_done / max(1, event.frames_total)
        sounds = [b64encode(pcm_bytes(event.of(take))).decode() for take in range(len(event.lengths))]
        done = result_content(event, with_sound=False) if event.takes else {}
        return {"type": "sound", "fraction": round(fraction, 3), "pcm": sounds, **done}
    if isinstance(event, Take | Rendering):
        return {"type": "sound", "fraction": 1.0, "pcm": [b64encode(pcm_bytes(event.audio)).decode()],
                **result_content(event, with_sound=False)}  # fmt: skip
    assert isinstance(event, float)
    return {"type": "progress", "fraction": round(event, 3)}


def _write(path: Path, audio: Any) -> str:
    path.write_bytes(whole_sound(audio, "wav"))
    return str(path)


def _close(events: Iterator[Event]) -> None:
    close = getattr(events, "close", None)
    if close is not None:
        close()
