"""One press of Continue: from the cut clip to takes, reporting as it goes. No widgets here."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from undertone.app.continue_page.controls import ContinuationSettings
from undertone.app.shared.live_player import Broadcast
from undertone.app.shared.model_metrics import StepTimer
from undertone.app.shared.visitor import PromptClip, Run
from undertone.engine import AudioError, Chunk, Engine, Take


@dataclass(frozen=True)
class GenerationProgress:
    """How far a run is, in words and as a fraction; `takes` comes with the last one."""

    text: str
    fraction: float | None = None
    takes: tuple[Take, ...] = ()


def continue_clip(
    engine: Engine,
    clip: PromptClip | None,
    start: float,
    length: float,
    settings: ContinuationSettings,
    run: Run,
    broadcast: Broadcast,
) -> Iterator[GenerationProgress]:
    """Analyse the cut and stream its continuations; ends without takes when `run.stop` is set.

    Args:
        start, length: the cut in seconds.
        broadcast: receives the first take's sound as it is made.
    Raises:
        AudioError: the prompt cannot be used.
        SettingsError: a setting is out of its range.
    """
    if clip is None:
        raise AudioError("there is no clip yet. Record, upload or choose an example first.")
    yield GenerationProgress("Listening to the prompt")
    speech = engine.analyse(clip.waveform, clip.sample_rate_hz, start, start + length)
    broadcast.prompt_samples = round(speech.num_frames * engine.sample_rate_hz / engine.frame_rate_hz)
    yield GenerationProgress("Starting to speak", 0.0)
    began = time.monotonic()
    timer = StepTimer(began)
    for chunk in engine.stream(
        speech, settings.seconds, settings.sampling, settings.seed, settings.num_takes, run.stop.is_set
    ):
        if run.stop.is_set():
            return
        timer.chunk(chunk.frames_done, time.monotonic())
        broadcast.add(chunk.of(0))
        yield _progress(chunk, began)


def _progress(chunk: Chunk, began: float) -> GenerationProgress:
    fraction = chunk.frames_done / max(1, chunk.frames_total)
    if chunk.takes:
        return GenerationProgress("Done", 1.0, chunk.takes)
    left = (time.monotonic() - began) * (1 - fraction) / max(fraction, 1e-3)
    return GenerationProgress(
        f"Speaking: {chunk.frames_done / 50:.1f} s made, about {max(1, round(left))} s to go", fraction
    )
