"""One press of Continue: from a prompt to takes, reporting as it goes. No widgets here."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.model_metrics import StepTimer
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.visitor import Run
from undertone.engine import CallProgress, Cancelled, Chunk, Engine, Speech, Take
from undertone.engine.audio.reading import CheckedPrompt


@dataclass(frozen=True)
class GenerationProgress:
    """The progress of a run in words and as a fraction; `takes` comes with the last one."""

    text: str
    fraction: float | None = None
    takes: tuple[Take, ...] = ()


def continue_prompt(
    engine: Engine,
    prompt: CheckedPrompt,
    settings: ContinuationSettings,
    run: Run,
    broadcast: Broadcast,
    analyse: Callable[[CheckedPrompt], Speech] | None = None,
) -> Iterator[GenerationProgress]:
    """Analyse a prompt and yield how far its continuations are; ends without takes when `run.stop` is set.

    Args:
        broadcast: receives the first take's sound as it is made.
        analyse: the prompt, instead of the engine.
    Raises:
        SettingsError: a setting is out of its range.
    """
    yield GenerationProgress("Listening to the prompt")
    speech = (analyse or engine.analyse_prompt)(prompt)
    broadcast.prompt_samples = prompt_samples(engine, speech)
    yield GenerationProgress("Starting to speak", 0.0)
    began = time.monotonic()
    timer = StepTimer(began)
    progress = CallProgress(run.stop.is_set)
    try:
        for chunk in engine.stream(
            speech, settings.seconds, settings.sampling, settings.seed, settings.num_takes, progress
        ):
            progress.check()
            timer.chunk(chunk.frames_done, time.monotonic())
            broadcast.add(chunk.of(0))
            yield _progress(chunk, began, engine.frame_rate_hz)
    except Cancelled:
        return


def prompt_samples(engine: Engine, speech: Speech) -> int:
    """Return the samples of a take that are its prompt as the model says it."""
    return round(speech.num_frames * engine.sample_rate_hz / engine.frame_rate_hz)


def _progress(chunk: Chunk, began: float, frame_rate_hz: float) -> GenerationProgress:
    fraction = chunk.frames_done / max(1, chunk.frames_total)
    if chunk.takes:
        return GenerationProgress("Done", 1.0, chunk.takes)
    left = (time.monotonic() - began) * (1 - fraction) / max(fraction, 1e-3)
    return GenerationProgress(
        f"Speaking: {chunk.frames_done / frame_rate_hz:.1f} s made, about {max(1, round(left))} s to go", fraction
    )
