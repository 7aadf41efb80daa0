"""Objective measures of a bundle on held-out speech: `evaluate` measures, `evaluate_bundle` also writes the card."""

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from tqdm import tqdm

from undertone.engine import Engine, Sampling
from undertone.engine.benchmark import benchmark
from undertone.engine.tokenizers import unit_names
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.continuations import (
    PROMPT_SECONDS,
    MeasuredContinuation,
    continuation_rows,
    continuations,
    vert_estimates,
)
from undertone.studies.evaluation.disturbed_prompts import DISTURBANCES, disturbed_prompts
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.evaluation.model_card import card_summary, write_measured
from undertone.studies.evaluation.other_systems import OtherSystem, other_rows
from undertone.studies.evaluation.reconstruction import clip_rows, embed_speakers
from undertone.studies.evaluation.results import Evaluation, Row, Speed, pool_rows, write_rows
from undertone.studies.evaluation.systems import GROUND_TRUTH, SYSTEMS
from undertone.studies.lexical.frames import RecordedFrames
from undertone.studies.lexical.scoring import LexicalAccuracy, lexical_accuracy, read_pairs
from undertone.studies.measures.clusters import cluster_of
from undertone.studies.measures.heldout import (
    Corpus,
    DurationRange,
    HeldOut,
    corpus_folder,
    held_out_clips,
    other_recordings,
)
from undertone.studies.measures.language_models import LanguageModel, PackagedNgrams
from undertone.studies.measures.likelihood import ClipLikelihood, pool_likelihoods
from undertone.studies.measures.whisper_asr import whisper_name

NUM_CLIPS, NUM_CONTINUATIONS = 60, 40
QUICK_SIZE = (10, 10)  # clips and continuations
CLIP_SECONDS = DurationRange(4.5, 12.0)  # room for a prompt and something to compare with; short enough for any model
CONTINUATION_SECONDS = 10.0
MOST_DISTURBED, DISTURBED_EVERY, DISTURBED_SECONDS = 8, 4, 6.0  # every fourth prompt, at most 8 of them
PACKAGES = ("torch", "pocketsphinx", "jiwer", "resemblyzer", "faster-whisper", "speechmos")


def evaluate(
    bundle: str | Path | Engine,
    corpus: Corpus,
    split: str = "test",
    num_clips: int = NUM_CLIPS,
    num_continuations: int = NUM_CONTINUATIONS,
    seed: int = 0,
    out: Path | None = None,
    pairs: Path | None = None,
    *,
    sampling: Sampling = Sampling(),
    workers: int | None = None,
    whisper: str | Path | None = None,
    also: Sequence[OtherSystem] = (),
    language_model: LanguageModel = PackagedNgrams(),
    renderings: Sequence[str] = tuple(SYSTEMS),
    sounds: Path | None = None,
    most_disturbed: int = MOST_DISTURBED,
) -> Evaluation:
    """Measure a bundle on recordings that it was not trained on.

    Args:
        bundle: folder, Hub repository, or an engine that is loaded.
        corpus: folder with manifest.tsv, or listed recordings, whose `split` was never trained on.
        num_clips: to reconstruct and to score.
        num_continuations: prompts of 3 s to go on from; 0 leaves continuations out.
        seed: of the choice of clips and of every draw.
        out: folder for clips.jsonl, continuations.jsonl and evaluation.json.
        pairs: lexical pairs of speakers who were not trained on, as `undertone text pairs` makes them.
        workers: processes that listen; None takes one for each core, 0 none but this.
        whisper: folder or name of a faster-whisper model, the second recogniser; None asks the environment.
        also: other systems' sounds, measured by the same judges.
        language_model: that reads the transcripts of continuations, by Whisper where it listens.
        renderings: which of SYSTEMS are made of every clip; the recording is always measured.
        sounds: folder for everything that is made, as wav files and lists of them.
        most_disturbed: prompts that are also asked disturbed, of every fourth; 0 leaves that out.
    Raises:
        MeasureError: the corpus or Whisper's folder cannot be used.
    """
    if num_clips < 1 or num_continuations < 0:
        raise MeasureError(
            f"num_clips is {num_clips} and num_continuations {num_continuations}; at least 1 and 0 are needed."
        )
    engine = bundle if isinstance(bundle, Engine) else Engine.from_pretrained(bundle)
    student = engine.bundle.config.student
    sampling = sampling.resolved(student)  # written down as what was used
    if sampling.guidance is None:
        own = student.guidance if student is not None and sampling.solver == "student" else engine.own_guidance
        sampling = sampling.model_copy(update={"guidance": own})
    workers = (os.cpu_count() or 1) if workers is None else workers
    measures = InstalledMeasures.installed(whisper).for_languages(engine.bundle.config.languages)
    measuring = EvaluationContext(engine, sampling, seed, measures, workers, tuple(renderings), sounds)
    lengths = DurationRange(CLIP_SECONDS.shortest, min(CLIP_SECONDS.longest, engine.max_seconds))
    clips = held_out_clips(corpus, split, max(num_clips, num_continuations), lengths, seed)
    speed = _speed(engine)
    scores, rows = _clips(measuring, clips[:num_clips], other_recordings(corpus, split, clips, lengths))
    takes = continuation_rows(_continuations(measuring, clips[:num_continuations]), language_model)
    seconds = min(DISTURBED_SECONDS, _continuation_seconds(engine))
    few = clips[: min(most_disturbed, num_continuations // DISTURBED_EVERY)]
    kinds = disturbed_prompts(measuring, few, seconds)
    disturbed = dict(tqdm(kinds, total=len(DISTURBANCES), desc="disturbed prompts", disable=not few))
    also_rows = list(other_rows(measuring, also))
    cluster = cluster_of(row.speaker for row in rows)
    systems = {system: of_system for system in SYSTEMS if (of_system := [row for row in rows if row.system == system])}
    measured = systems[GROUND_TRUTH]
    evaluation = Evaluation(
        bundle=engine.bundle.name,
        bundle_sha256=engine.bundle.fingerprint,
        created=datetime.now(UTC).date().isoformat(),
        corpus=corpus_folder(corpus).resolve().name,
        split=split,
        seed=seed,
        num_clips=len(measured),
        num_speakers=len({row.speaker for row in measured}),
        clip_seconds=sum(row.seconds for row in measured),
        cluster=cluster,
        sampling=sampling,
        systems={system: pool_rows(chosen, cluster) for system, chosen in systems.items()},
        likelihood=pool_likelihoods(scores, [row.cluster(cluster) for row in measured]),
        prompt_seconds=PROMPT_SECONDS,
        continuation_seconds=_continuation_seconds(engine),
        num_continuations=len(takes),
        continuations=pool_rows(takes, cluster) | vert_estimates(takes, cluster),
        disturbed=disturbed,
        others={
            other.name: pool_rows([row for row in also_rows if row.system == other.name], "clip") for other in also
        },
        whisper=whisper_name(measuring.installed.whisper) if measuring.installed.whisper else None,
        language_model=language_model.name if any(row.judged for row in takes) else None,
        lexical=_lexical(engine, corpus_folder(corpus), pairs) if pairs else {},
        speed=speed,
        not_measured=measuring.installed.missing,
        skipped=measuring.skipped,
        packages={package: installed for package in PACKAGES if (installed := _installed(package))},
    )
    if out is not None:
        write_rows(rows, out / "clips.jsonl")
        write_rows(takes, out / "continuations.jsonl")
        if also:
            write_rows(also_rows, out / "others.jsonl")
        (out / "evaluation.json").write_text(evaluation.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return evaluation


def check_corpus(corpus: Corpus, split: str) -> None:
    """Check that there are clips to measure on, before anything is trained for it.

    Raises:
        MeasureError: no recording of the split has a transcript and a fitting length.
    """
    held_out_clips(corpus, split, 1, CLIP_SECONDS)


def evaluate_bundle(
    bundle: str | Path,
    corpus: Corpus,
    split: str = "test",
    size: tuple[int, int] = (NUM_CLIPS, NUM_CONTINUATIONS),
    out: Path = Path("out/evaluation"),
    pairs: Path | None = None,
    whisper: str | Path | None = None,
    also: Sequence[OtherSystem] = (),
    language_model: LanguageModel = PackagedNgrams(),
) -> Iterator[str]:
    """Measure a bundle's folder, write the numbers into its bundle.json and README.md; yields lines for people.

    Args:
        size: clips and continuations; see `evaluate` for these and all else.
    """
    folder = Path(bundle)
    if not (folder / "bundle.json").is_file():
        raise MeasureError(f"{folder} is no bundle folder (it has no bundle.json), so its card cannot be written.")
    evaluation = evaluate(
        folder, corpus, split, *size, out=out, pairs=pairs, whisper=whisper, also=also, language_model=language_model
    )
    card = write_measured(folder, evaluation)
    yield from card_summary(evaluation)
    yield f"Rows of every clip are in {out}, the model card is {card}."


def _clips(
    measuring: EvaluationContext, clips: list[HeldOut], others: dict[str, HeldOut]
) -> tuple[list[ClipLikelihood], list[Row]]:
    voices = embed_speakers(measuring, others)
    scores: list[ClipLikelihood] = []
    rows: list[Row] = []
    for score, of_clip in tqdm(clip_rows(measuring, clips, voices), total=len(clips), desc="clips"):
        scores.append(score)
        rows += of_clip
    if not rows:
        clip, reason = next(iter(measuring.skipped.items()))
        raise MeasureError(f"none of {len(clips)} clips could be used; {clip}: {reason}")
    return scores, rows


def _continuations(measuring: EvaluationContext, clips: list[HeldOut]) -> list[MeasuredContinuation]:
    seconds = _continuation_seconds(measuring.engine)
    return list(tqdm(continuations(measuring, clips, seconds), total=len(clips), desc="continuations"))


def _lexical(engine: Engine, corpus: Path, pairs: Path) -> dict[str, LexicalAccuracy]:
    bundle = engine.bundle
    names = unit_names(bundle.config.tokenizer)
    found = lexical_accuracy(bundle.model, read_pairs(pairs), RecordedFrames(engine, corpus), unit_names=names)
    return {str(kind): accuracy for kind, accuracy in found.accuracies.items()}


def _continuation_seconds(engine: Engine) -> float:
    return min(CONTINUATION_SECONDS, engine.max_seconds - PROMPT_SECONDS)


def _speed(engine: Engine) -> Speed:
    """Benchmark one continuation; called first, while no other process of the evaluation runs."""
    found = benchmark(engine, seconds=_continuation_seconds(engine))
    return Speed(
        real_time_factor=found.real_time_factor,
        first_audio_seconds=found.first_audio_seconds,
        device=f"{platform.machine()} CPU" if found.device == "cpu" else found.device,
        threads=torch.get_num_threads(),
    )


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
