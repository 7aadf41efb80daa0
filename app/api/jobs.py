"""Work for programs: each job waits in the queue of all visitors, reports, and ends when it is told to."""

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor

from undertone.app.api.parameters import (
    ContinueParameters,
    DecodingParameters,
    PromptParameters,
    ResynthesiseParameters,
)
from undertone.app.prosody.background import run_in_thread
from undertone.app.shared.compared_systems import ComparedSystem
from undertone.app.shared.context import Context
from undertone.app.shared.model_queue import QueuePlace
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.runs import RUNS
from undertone.app.shared.visitor import Run
from undertone.engine import (
    CallProgress,
    Cancelled,
    Chunk,
    Engine,
    SettingsError,
    Speech,
    Take,
    TakeSettings,
    UndertoneError,
)
from undertone.engine.audio.acoustics import energy_db, pitch
from undertone.engine.prosody import (
    ProsodySettings,
    Rendering,
    SourceRecording,
    continue_from_edited,
    replay_edited,
    replay_take,
    resynthesise,
)

LONGEST_SECONDS = 300.0  # of work for one request
Result = TypeVar("Result")


@dataclass(frozen=True)
class Analysis:
    """A recording as the model sees it; all of it can be written as JSON."""

    content: dict[str, Any]


Event = QueuePlace | Chunk | Take | Rendering | Analysis | float  # a float is the fraction done
Events = Generator[Event, None, None]  # closing it ends the work


@dataclass(frozen=True)
class Job:
    """A request of a program.

    Attributes:
        owner: who asks, for a fair queue.
        stop: set when nobody waits for the result any more.
    """

    context: Context
    owner: str
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        RUNS.watch(self.stop)

    def continue_(
        self, clip: PromptClip, wanted: ContinueParameters, seed: int, other: PromptClip | None = None
    ) -> Events:
        """Yield places, then chunks of which the last has the takes; of an edited prompt, fractions and the take."""
        system = self._system(wanted.system)
        edit, durations, sampling = wanted.latent_edit(self.context.engine), wanted.duration_edit, wanted.sampling
        if wanted.is_edited and wanted.takes != 1:
            raise SettingsError("an edited prompt is continued with one take. Leave takes at 1.")
        if wanted.is_edited and system is not None:
            raise SettingsError("an edited prompt is continued by the voice. Leave system out.")
        _check_other(wanted, other)

        def work(progress: CallProgress) -> Iterator[Event]:
            engine = self.context.engine if system is None else system.engine()
            speech = self._analyse(clip, wanted, engine)
            if not wanted.is_edited:
                yield from engine.stream(speech, wanted.seconds, sampling, seed, wanted.takes, progress)
                return
            second, utterance = self._other(other, wanted, engine)
            yield from self._reported(
                lambda progress: continue_from_edited(
                    engine, speech, edit, wanted.seconds, sampling, seed, utterance=utterance,
                    latents=wanted.latents, other=second, durations=durations, progress=progress,
                )
            )  # fmt: skip

        return self._in_turn(wanted.seconds * wanted.takes, work)

    def resynthesise(
        self, clip: PromptClip, wanted: ResynthesiseParameters, seed: int, other: PromptClip | None = None
    ) -> Events:
        """Yield places and fractions, then the rendering."""
        engine = self.context.engine
        edit, durations, sampling = wanted.latent_edit(engine), wanted.duration_edit, wanted.sampling
        _check_other(wanted, other)

        def work(progress: CallProgress) -> Iterator[Event]:
            speech = self._analyse(clip, wanted, engine)
            second, utterance = self._other(other, wanted, engine)
            yield from self._reported(
                lambda progress: resynthesise(
                    engine, speech, edit, utterance, sampling, seed,
                    latents=wanted.latents, other=second, durations=durations, progress=progress,
                )
            )  # fmt: skip

        return self._in_turn(wanted.prompt_seconds, work)

    def replay(self, clip: PromptClip, settings: bytes, other: PromptClip | None = None) -> Events:
        """Yield places and fractions, then the take or rendering that saved settings describe."""
        saved = _read_settings(settings)
        source = SourceRecording(clip.waveform, clip.sample_rate_hz)
        second = None if other is None else SourceRecording(other.waveform, other.sample_rate_hz)

        def work(progress: CallProgress) -> Iterator[Event]:
            engine = self._engine_of(saved)

            def make(progress: CallProgress) -> Take | Rendering:
                if isinstance(saved, TakeSettings):
                    return engine.replay(saved, clip.waveform, clip.sample_rate_hz, progress)
                made = replay_edited if saved.continuation is None else replay_take
                return made(engine, saved, source, second, progress)

            yield from self._reported(make)

        return self._in_turn(saved.seconds * saved.num_takes if isinstance(saved, TakeSettings) else 5.0, work)

    def analyse(self, clip: PromptClip, wanted: PromptParameters) -> Events:
        """Yield places, then the analysis."""

        def work(progress: CallProgress) -> Iterator[Event]:
            yield Analysis(self._described(self._analyse(clip, wanted, self.context.engine)))

        return self._in_turn(0.2 * wanted.prompt_seconds, work)

    # -----------------------------------------------------------------------------------------------------------

    def _in_turn(self, speech_seconds: float, work: Callable[[CallProgress], Iterator[Event]]) -> Events:
        """Yield the place until it is this job's turn, then the work.

        Raises:
            QueueFullError: it may not wait.
            Cancelled: it was told to stop.
            UndertoneError: it took too long.
        """
        with self.context.queue.turn(self.owner, speech_seconds) as turn:
            yield from turn.places(CallProgress(self.stop.is_set))
            until = time.monotonic() + LONGEST_SECONDS
            progress = CallProgress(lambda: self.stop.is_set() or time.monotonic() > until)
            try:
                yield from work(progress)
            except Cancelled:
                if self.stop.is_set():
                    raise
                raise UndertoneError(
                    f"this took longer than {LONGEST_SECONDS:g} s and was ended. Ask for less."
                ) from None

    def _system(self, name: str | None) -> ComparedSystem | None:
        """Return the system of a name; None is the voice. Raises SettingsError."""
        own = self.context.engine.bundle.config.model.system
        if name in (None, own):
            return None
        found = next((system for system in self.context.others if system.name == name), None)
        if found is None:
            listed = ", ".join([own, *(system.name for system in self.context.others)])
            raise SettingsError(f"system: expected one of {listed}.")
        return found

    def _engine_of(self, saved: TakeSettings | ProsodySettings) -> Engine:
        """Return the engine whose bundle made a sound; the voice's where none here did, which then says so."""
        voice = self.context.engine
        if isinstance(saved, TakeSettings) and saved.bundle_sha256 != voice.bundle.fingerprint:
            engines = (system.engine() for system in self.context.others)
            return next((one for one in engines if one.bundle.fingerprint == saved.bundle_sha256), voice)
        return voice

    def _analyse(self, clip: PromptClip, wanted: PromptParameters, engine: Engine) -> Speech:
        end = min(wanted.prompt_start + wanted.prompt_seconds, clip.seconds)
        return engine.analyse(clip.waveform, clip.sample_rate_hz, wanted.prompt_start, end)

    def _other(
        self, clip: PromptClip | None, wanted: DecodingParameters, engine: Engine
    ) -> tuple[Speech | None, Tensor | None]:
        """Return the other recording as the model sees it, and its voice where that is to speak."""
        speech = None if clip is None else self._analyse(clip, wanted, engine)
        return speech, speech.utterance if speech is not None and wanted.voice_of_other else None

    def _reported(self, work: Callable[[CallProgress], Take | Rendering]) -> Iterator[Event]:
        """Yield the fraction done, and the result at the end."""
        fractions = run_in_thread(Run(self.stop), work)
        while True:
            try:
                yield next(fractions)
            except StopIteration as end:
                yield end.value
                return

    def _described(self, speech: Speech) -> dict[str, Any]:
        engine = self.context.engine
        names = self.context.unit_names
        hz = pitch(speech.audio).hz
        tokens = speech.tokens.tolist()
        return {
            "seconds": speech.seconds,
            "frame_rate_hz": engine.frame_rate_hz,
            "tokens": tokens,
            "units": [names[token] for token in tokens],
            "latents": [[round(value, 4) for value in frame] for frame in speech.latents.tolist()],
            "utterance": [round(value, 4) for value in speech.utterance.tolist()],
            "f0_hz": [None if math.isnan(value) else round(value, 1) for value in hz.tolist()],
            "energy_db": [round(value, 1) for value in energy_db(speech.audio).tolist()],
            "audio_sha256": speech.audio_sha256,
            "frames_sha256": speech.frames_sha256,
        }


def _read_settings(settings: bytes) -> TakeSettings | ProsodySettings:
    """Return the settings of a take or of a rendering. Raises SettingsError."""
    kind = ProsodySettings if b'"prosody"' in settings else TakeSettings
    saved = kind.parse(settings)
    takes = saved.num_takes if isinstance(saved, TakeSettings) else 1
    if takes > 16 or saved.sampling.steps > 100 or saved.sampling.solver == "ancestral":
        raise SettingsError("this server makes takes of 100 steps of the decoder at most. Use `undertone continue`.")
    return saved


def _check_other(wanted: DecodingParameters, other: PromptClip | None) -> None:
    if wanted.voice_of_other and other is None:
        raise SettingsError("voice_of_other needs the other recording: send it as other_file.")
