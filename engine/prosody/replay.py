"""Renderings made again from their settings, to the same bytes on the same machine and version."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from undertone.engine.engine import Engine
from undertone.engine.errors import SettingsError
from undertone.engine.generation.saved_sound import check_environment, check_same
from undertone.engine.progress import CallProgress
from undertone.engine.prosody.rendering import EditedTake, Rendering
from undertone.engine.prosody.request import ProsodyRequest, Source
from undertone.engine.prosody.resynthesis import continue_request, render
from undertone.engine.prosody.settings import ProsodySettings, RecordingSettings


@dataclass(frozen=True, eq=False)
class SourceRecording:
    """Samples as they were given to the engine."""

    waveform: Tensor  # [samples] or [samples, channels]
    sample_rate_hz: int


def replay_edited(
    engine: Engine,
    settings: ProsodySettings | str | Path,
    recording: SourceRecording,
    other: SourceRecording | None = None,
    progress: CallProgress = CallProgress(),
) -> Rendering:
    """Make a saved rendering again.

    Args:
        settings: what `Rendering.save` wrote beside the wav, or its path.
        recording: that the source was cut from, or that the prompt of the source take was cut from.
        other: for transfer and morph.
    Raises:
        SettingsError: another bundle, recording or version; it says which.
    """
    return render(_request(engine, _read(settings), recording, other), progress=progress)


def replay_take(
    engine: Engine,
    settings: ProsodySettings | str | Path,
    recording: SourceRecording,
    other: SourceRecording | None = None,
    progress: CallProgress = CallProgress(),
) -> EditedTake:
    """Make a continuation of an edited prompt again; see `replay_edited`."""
    settings = _read(settings)
    if settings.continuation is None:
        raise SettingsError("these are the settings of a rendering that nothing follows; use `replay_edited`.")
    continued = settings.continuation
    return continue_request(_request(engine, settings, recording, other), continued.seconds, progress, continued.step)


def _read(settings: ProsodySettings | str | Path) -> ProsodySettings:
    return settings if isinstance(settings, ProsodySettings) else ProsodySettings.read(settings)


def _request(
    engine: Engine, settings: ProsodySettings, recording: SourceRecording, other: SourceRecording | None
) -> ProsodyRequest:
    """Return the request that gave these settings."""
    check_environment(settings, engine.bundle, engine.dtype, "rendering")
    if settings.other is not None and other is None:
        raise SettingsError(f"{settings.latents.kind} latents need the other recording too; give it as `other`.")
    second = None if settings.other is None or other is None else _source(engine, settings.other, other)
    return ProsodyRequest(
        engine=engine,
        source=_source(engine, settings.source, recording),
        other=second,
        latents=settings.latents,
        edit=settings.edit,
        durations=settings.durations,
        utterance=None if settings.utterance is None else torch.tensor(settings.utterance),
        statistics=settings.statistics,
        sampling=settings.sampling,
        seed=settings.seed,
    )


def _source(engine: Engine, saved: RecordingSettings, recording: SourceRecording) -> Source:
    """Return the take, or the part of the recording, that the settings name."""
    if saved.take is not None:
        return engine.replay(saved.take, recording.waveform, recording.sample_rate_hz)
    if saved.end_seconds is None:
        raise SettingsError(
            "this rendering was made from an edited or generated clip that is no saved take, so its recording alone "
            "does not give it again. Replay what it was made from, and edit that."
        )
    speech = engine.analyse(recording.waveform, recording.sample_rate_hz, saved.start_seconds, saved.end_seconds)
    check_same("recording", saved.audio_sha256, speech.audio_sha256, "rendering")
    check_same("analysis of the recording", saved.frames_sha256, speech.frames_sha256, "rendering")
    return speech
