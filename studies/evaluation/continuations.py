"""Measure continuations of 3 s prompts of speakers the model has not heard: voice, words, text, pitch and ending."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from undertone.engine import AudioError, Take
from undertone.engine.worker_pool import map_in_processes
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.jobs import (
    ContinuationJob,
    ContinuationReport,
    RecognisedSpeech,
    Samples,
    VoicePitch,
    report_continuation,
)
from undertone.studies.evaluation.results import Row
from undertone.studies.evaluation.sounds import keep_sounds
from undertone.studies.measures.clusters import Cluster
from undertone.studies.measures.heldout import HeldOut, read_trimmed
from undertone.studies.measures.intervals import Estimate, ShareEstimate
from undertone.studies.measures.language_models import LanguageModel
from undertone.studies.measures.repetition import auto_bleu, self_bleu, vert

PROMPT_SECONDS = 3.0
MIN_REAL_SECONDS = 1.0  # of the recording behind the prompt, to compare with
NOTHING = ShareEstimate(0.0, 0)
SUFFIXES = {"": "continuation", "_natural": "real", "_backwards": "backwards"}  # of measures, and what was heard


@dataclass(frozen=True)
class MeasuredContinuation:
    """A take that continues the first seconds of a clip, and its measures."""

    clip: HeldOut
    take: Take
    report: ContinuationReport

    @property
    def seconds(self) -> float:
        """Return the seconds of the continuation alone."""
        return self.take.speech.seconds * (1 - self.take.prompt_frames / self.take.speech.num_frames)


def continuations(measuring: EvaluationContext, clips: list[HeldOut], seconds: float) -> Iterator[MeasuredContinuation]:
    """Yield a take of at most `seconds` for every clip; clips that cannot be used are noted as skipped."""
    made: list[tuple[HeldOut, Take]] = []

    def jobs() -> Iterator[ContinuationJob]:
        for index, clip in enumerate(clips):
            try:
                take, job = _take(measuring, clip, seconds, measuring.seed + index)
            except AudioError as error:
                measuring.skipped[clip.clip_id] = str(error)
                continue
            made.append((clip, take))
            yield job

    for index, report in enumerate(map_in_processes(report_continuation, jobs(), measuring.workers)):
        yield MeasuredContinuation(*made[index], report)


def continuation_rows(found: list[MeasuredContinuation], language_model: LanguageModel) -> list[Row]:
    """Return a row for each take; needs all: voices and texts are compared with those of the others.

    Args:
        found: of all prompts.
        language_model: that reads what was heard, the prompt left out.
    """
    prompts = [(each.clip.speaker, each.report.heard["prompt"].embedding) for each in found]
    texts = _texts(found)
    said = text_measures(texts, language_model)
    return [
        Row(
            clip_id=each.clip.clip_id,
            speaker=each.clip.speaker,
            seconds=each.seconds,
            system="continuation",
            measures=_measures(each, prompts) | (said[place] if said else {}),
            text=each.report.heard["continuation"].text,
            judged={SUFFIXES[suffix]: of_kind[place] for suffix, of_kind in texts.items()},
        )
        for place, each in enumerate(found)
    ]


def vert_estimates(rows: list[Row], cluster: Cluster) -> dict[str, Estimate]:
    """Return VERT of continuations, natural speech and speech played backwards, where they were read."""
    found: dict[str, Estimate] = {}
    for suffix in SUFFIXES:
        shares = [(row.measures.get(f"auto_bleu{suffix}"), row.measures.get(f"self_bleu{suffix}")) for row in rows]
        both = [(own.total, others.total) for own, others in shares if own is not None and others is not None]
        if rows and len(both) == len(rows):
            own, others = zip(*both, strict=True)
            number = vert(own, others, [row.cluster(cluster) for row in rows])
            assert number is not None  # there are rows
            found[f"vert{suffix}"] = number
    return found


def text_measures(texts: dict[str, list[str]], language_model: LanguageModel) -> list[dict[str, ShareEstimate]]:
    """Return perplexity, AUTO-BLEU and self-BLEU of every place of lists of transcripts.

    Args:
        texts: by the suffix of the measures' names.
        language_model: that reads them.
    Returns:
        measures by name for each place; none where there are no texts.
    """
    found: list[dict[str, ShareEstimate]] = [{} for _ in next(iter(texts.values()), [])]
    for suffix, of_kind in texts.items():
        words = [text.split() for text in of_kind]
        for measures, text, own, others in zip(found, of_kind, words, self_bleu(words), strict=True):
            measures[f"transcript_perplexity{suffix}"] = language_model.nats(text)
            measures[f"auto_bleu{suffix}"] = ShareEstimate(auto_bleu(own), 1)
            measures[f"self_bleu{suffix}"] = ShareEstimate(others, 1)
    return found


def _texts(found: list[MeasuredContinuation]) -> dict[str, list[str]]:
    """Return what was heard of every kind of speech; nothing where no recogniser listened."""
    texts: dict[str, list[str]] = {}
    for suffix, name in SUFFIXES.items():
        heard = [each.report.heard[name].transcript for each in found]
        read = [text for text in heard if text is not None]
        if read and len(read) == len(heard):
            texts[suffix] = read
    return texts


def _take(measuring: EvaluationContext, clip: HeldOut, seconds: float, seed: int) -> tuple[Take, ContinuationJob]:
    engine = measuring.engine
    waveform, rate = read_trimmed(engine, clip), engine.sample_rate_hz
    if len(waveform) < (PROMPT_SECONDS + MIN_REAL_SECONDS) * rate:
        raise AudioError(f"the recording has less than {MIN_REAL_SECONDS:g} s of speech behind the prompt.")
    speech = engine.analyse(waveform, rate, 0.0, PROMPT_SECONDS)
    take = engine.continue_(speech, seconds, measuring.sampling, seed)
    real = engine.analyse(waveform, rate, PROMPT_SECONDS, PROMPT_SECONDS + seconds)  # at the prompt's loudness
    kept = {"prompt": speech.audio, "continuation": take.continuation_audio, "natural": real.audio}
    keep_sounds(measuring, clip.clip_id, kept)
    job = ContinuationJob(
        prompt=speech.audio.numpy(),
        continuation=take.continuation_audio.numpy(),
        real=real.audio.numpy(),
        installed=measuring.installed,
    )
    return take, job


def _measures(each: MeasuredContinuation, prompts: list[tuple[str, Samples | None]]) -> dict[str, ShareEstimate]:
    heard, voices = each.report.heard, each.report.voices
    others = [voice for speaker, voice in prompts if speaker != each.clip.speaker and voice is not None]
    return {
        "seconds": ShareEstimate(each.seconds, 1),
        "ended_itself": ShareEstimate(each.take.ended != "limit", 1),
        "ended_learned": ShareEstimate(each.take.ended == "learned", 1),
        "real_words": heard["continuation"].real_words or NOTHING,
        "real_words_natural": heard["real"].real_words or NOTHING,
        "real_words_backwards": heard["backwards"].real_words or NOTHING,
        **_certainty_and_quality(heard),
        **_similarities(heard["continuation"].embedding, heard["prompt"].embedding, others),
        "speaker_similarity_natural": _similarity(heard["real"].embedding, heard["prompt"].embedding),
        "f0_range_semitones": _single_share(voices["continuation"].range_semitones),
        "f0_range_semitones_natural": _single_share(voices["real"].range_semitones),
        "f0_shift_semitones": _shift(voices["continuation"], voices["prompt"]),
        "f0_shift_semitones_natural": _shift(voices["real"], voices["prompt"]),
        "voiced": voices["continuation"].voiced,
        "voiced_natural": voices["real"].voiced,
    }


def _certainty_and_quality(heard: dict[str, RecognisedSpeech]) -> dict[str, ShareEstimate]:
    """Return Whisper's certainty and DNSMOS, beside what the speaker really said and that played backwards."""
    found = {name: speech.measures() for name, speech in heard.items()}
    return {
        key + suffix: found[name][key]
        for key in ("whisper_log_prob", "dnsmos")
        for suffix, name in SUFFIXES.items()
        if key in found[name]
    }


def _similarities(voice: Samples | None, own: Samples | None, others: list[Samples]) -> dict[str, ShareEstimate]:
    """Return similarities to the own prompt and to other speakers' prompts, and how often the own one is nearer."""
    if voice is None or own is None or not others:
        return {"speaker_similarity": _similarity(voice, own)}
    to_own, to_others = float(voice @ own), np.stack(others) @ voice
    return {
        "speaker_similarity": ShareEstimate(to_own, 1),
        "speaker_similarity_others": ShareEstimate(float(to_others.mean()), 1),
        "speaker_told_apart": ShareEstimate(float((to_own > to_others).mean()), 1),
    }


def _similarity(first: Samples | None, second: Samples | None) -> ShareEstimate:
    return NOTHING if first is None or second is None else ShareEstimate(float(first @ second), 1)


def _shift(voice: VoicePitch, prompt: VoicePitch) -> ShareEstimate:
    """Return how far the median pitch has moved from the prompt's, up or down."""
    if voice.median_semitones is None or prompt.median_semitones is None:
        return NOTHING
    return ShareEstimate(abs(voice.median_semitones - prompt.median_semitones), 1)


def _single_share(value: float | None) -> ShareEstimate:
    return NOTHING if value is None else ShareEstimate(value, 1)
