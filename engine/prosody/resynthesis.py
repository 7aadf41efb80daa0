"""Resynthesis of a recording or a take with other latents and the same words, and its continuation."""

from typing import Literal

import torch
from torch import Tensor

from undertone.engine.config import StudentConfig
from undertone.engine.engine import Engine
from undertone.engine.errors import SettingsError
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.speech import Speech, cpu_copy
from undertone.engine.generation.take_settings import StepKind
from undertone.engine.probe import LatentStatistics
from undertone.engine.progress import CallProgress
from undertone.engine.prosody.cached_decoding import BlockDecoder
from undertone.engine.prosody.durations import DurationEdit
from undertone.engine.prosody.edit import LatentEdit
from undertone.engine.prosody.rendering import EditedTake, Rendering
from undertone.engine.prosody.request import ProsodyRequest, Source
from undertone.engine.prosody.settings import LatentSource, MorphedLatents, OwnLatents

DRAFT_STEPS = 4  # of the fast solver: a third of the time, for listening while a slider moves


def draft(sampling: Sampling = Sampling(), student: StudentConfig | None = None) -> Sampling:
    """Return the same settings at draft quality; those of a bundle's student are fast enough as they are."""
    if sampling.takes_student(student):
        return sampling
    return sampling.model_copy(update={"solver": "dpm++", "steps": min(DRAFT_STEPS, sampling.steps)})


def resynthesise(
    engine: Engine,
    source: Source,
    edit: LatentEdit | None = None,
    utterance: Tensor | None = None,
    sampling: Sampling = Sampling(),
    seed: int = 0,
    *,
    latents: LatentSource = OwnLatents(),
    other: Source | None = None,
    durations: DurationEdit = DurationEdit(),
    statistics: LatentStatistics | None = None,
    reuse: Rendering | None = None,
    progress: CallProgress = CallProgress(),
) -> Rendering:
    """Synthesise a recording or a take again, with edited latents.

    Without an edit these are the samples of `engine.synthesise` for the source's frames, bit for bit.

    Args:
        edit: applied last, to the latents that `latents` names.
        utterance: [S] another voice, for example `other.utterance`.
        seed: of the decoder's noise: the same seed makes two renderings comparable.
        latents: the source's own, drawn from the prior, or from another recording.
        other: that recording.
        durations: speaking rate and pauses, applied behind the edit.
        statistics: what a sigma is; None takes the probe's, or those of the source where the bundle has no probe.
        reuse: an earlier rendering: blocks that are the same in both are taken over, to the same bits.
        progress: progress, and a way to stop.
    Raises:
        SettingsError: something out of its range; the text says what.
        Cancelled: the caller asked to stop.
    """
    request = ProsodyRequest(
        engine, source, other, latents, edit or LatentEdit(), durations, utterance, statistics, sampling, seed
    )
    return render(request, reuse, progress)


def morph(
    engine: Engine,
    first: Source,
    second: Source,
    amount: float,
    edit: LatentEdit | None = None,
    sampling: Sampling = Sampling(),
    seed: int = 0,
    *,
    timing: Literal["between", "first"] = "between",
    statistics: LatentStatistics | None = None,
    reuse: Rendering | None = None,
    progress: CallProgress = CallProgress(),
) -> Rendering:
    """Synthesise speech between two recordings; see `morph_frames`. Amount 0 and 1 reconstruct the two.

    Raises:
        SettingsError: an amount outside 0 to 1, or another setting out of its range.
        Cancelled: the caller asked to stop.
    """
    if not 0.0 <= amount <= 1.0:
        raise SettingsError(f"amount is {amount:g}; expected 0 (the first recording) to 1 (the second).")
    latents = MorphedLatents(amount=amount, timing=timing)
    request = ProsodyRequest(
        engine, first, second, latents, edit or LatentEdit(), DurationEdit(), None, statistics, sampling, seed
    )
    return render(request, reuse, progress)


@torch.inference_mode()
def render(
    request: ProsodyRequest, reuse: Rendering | None = None, progress: CallProgress = CallProgress()
) -> Rendering:
    """Synthesise the rendering that a request describes."""
    engine = request.engine
    settings = request.settings()
    frames = request.frames(settings, progress)
    decoder = BlockDecoder(
        engine.bundle,
        frames.utterance.to(engine.device)[None],
        request.sampling,
        request.seed,
        None if reuse is None else reuse.kept,
        progress,
    )
    audio = decoder.decode(frames.tokens.to(engine.device), frames.latents.to(engine.device))
    speech = Speech(
        tokens=cpu_copy(frames.tokens),
        latents=cpu_copy(frames.latents),
        latents_logstd=None if frames.latents_logstd is None else cpu_copy(frames.latents_logstd),
        utterance=cpu_copy(frames.utterance),
        mel=cpu_copy(decoder.mel),
        audio=cpu_copy(audio),
        seconds=frames.tokens.shape[0] / engine.frame_rate_hz,
    )
    return Rendering(speech, settings, decoder.decoded_frames, decoder.kept)


def continue_from_edited(
    engine: Engine,
    source: Source,
    edit: LatentEdit | None = None,
    seconds: float = 10.0,
    sampling: Sampling = Sampling(),
    seed: int = 0,
    *,
    utterance: Tensor | None = None,
    latents: LatentSource = OwnLatents(),
    other: Source | None = None,
    durations: DurationEdit = DurationEdit(),
    statistics: LatentStatistics | None = None,
    progress: CallProgress = CallProgress(),
) -> EditedTake:
    """Edit a prompt and let the model go on from it: the edited latents are what it reads.

    Args:
        seconds: of continuation at most.
        seed: of everything that is drawn.
    Raises:
        SettingsError: something out of its range; the text says what.
        Cancelled: the caller asked to stop.
    """
    request = ProsodyRequest(
        engine, source, other, latents, edit or LatentEdit(), durations, utterance, statistics, sampling, seed
    )
    return continue_request(request, seconds, progress)


def continue_request(
    request: ProsodyRequest,
    seconds: float,
    progress: CallProgress = CallProgress(),
    step: StepKind | None = None,
) -> EditedTake:
    """Render the prompt and go on from it; `step` as of `Engine.takes`."""
    prompt = render(request, progress=progress)
    take = request.engine.continue_(prompt.speech, seconds, request.sampling, request.seed, progress, step)
    settings = prompt.settings.model_copy(update={"continuation": take.settings})
    return EditedTake(take.speech, take.prompt_frames, take.ended, take.settings, settings)
