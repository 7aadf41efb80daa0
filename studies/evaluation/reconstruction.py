"""Measure held-out clips in every rendering, and how well the model predicts them."""

from collections.abc import Iterator

from undertone.engine import AudioError
from undertone.engine.worker_pool import map_in_processes
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.jobs import ClipJob, ClipReport, Samples, report_clip
from undertone.studies.evaluation.results import Row
from undertone.studies.evaluation.sounds import keep_sounds
from undertone.studies.evaluation.systems import GROUND_TRUTH, render_systems
from undertone.studies.measures.heldout import HeldOut, analyse_clip
from undertone.studies.measures.intervals import ShareEstimate
from undertone.studies.measures.likelihood import ClipLikelihood, clip_likelihood
from undertone.studies.measures.speaker_similarity import speaker_encoder


def clip_rows(
    measuring: EvaluationContext, clips: list[HeldOut], voices: dict[str, Samples]
) -> Iterator[tuple[ClipLikelihood, list[Row]]]:
    """Return every clip's likelihood and its rows, one for each system; clips that cannot be used are noted as skipped.

    Args:
        voices: embedding of another recording of each speaker.
    """
    analysed: list[tuple[HeldOut, float, ClipLikelihood]] = []

    def jobs() -> Iterator[ClipJob]:
        engine = measuring.engine
        for index, clip in enumerate(clips):
            seed = measuring.seed + index
            try:
                speech = analyse_clip(engine, clip)
            except AudioError as error:
                measuring.skipped[clip.clip_id] = str(error)
                continue
            analysed.append((clip, speech.seconds, clip_likelihood(engine, speech, seed)))
            made = list(render_systems(engine, speech, measuring.sampling, seed, measuring.renderings))
            keep_sounds(measuring, clip.clip_id, {GROUND_TRUTH: speech.audio, **dict(made)})
            yield ClipJob(
                ground_truth=speech.audio.numpy(),
                transcript=clip.transcript,
                renderings={system: waveform.numpy() for system, waveform in made},
                mel=engine.bundle.config.model.mel,
                installed=measuring.installed,
            )

    for index, report in enumerate(map_in_processes(report_clip, jobs(), measuring.workers)):
        clip, seconds, score = analysed[index]
        yield score, list(_rows(clip, seconds, report, voices))


def embed_speakers(measuring: EvaluationContext, recordings: dict[str, HeldOut]) -> dict[str, Samples]:
    """Return the embedding of one recording of every speaker; empty where no encoder is installed."""
    found: dict[str, Samples] = {}
    for speaker, clip in recordings.items() if measuring.installed.voices else ():
        try:
            found[speaker] = speaker_encoder().embed(analyse_clip(measuring.engine, clip).audio).numpy()
        except AudioError as error:
            measuring.skipped[clip.clip_id] = str(error)
    return found


def _rows(clip: HeldOut, seconds: float, report: ClipReport, voices: dict[str, Samples]) -> Iterator[Row]:
    for system, measures in report.measures.items():
        heard = report.heard[system]
        similarity: dict[str, ShareEstimate] = {}
        if heard.embedding is not None and clip.speaker in voices:
            near = {speaker: float(voice @ heard.embedding) for speaker, voice in voices.items()}
            similarity["speaker_similarity"] = ShareEstimate(near.pop(clip.speaker), 1)
            similarity["speaker_similarity_others"] = ShareEstimate(sum(near.values()), len(near))
        yield Row(clip.clip_id, clip.speaker, seconds, system, measures | similarity, heard.text)
