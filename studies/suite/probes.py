"""The probes of a suite: speaker, phone and class of F0 on clips of the corpus, emotion on a labelled set."""

from pathlib import Path

from undertone.engine import Engine
from undertone.engine.tokenizers import unit_names
from undertone.studies.errors import MeasureError
from undertone.studies.measures.heldout import (
    MANIFEST,
    Corpus,
    DurationRange,
    HeldOut,
    alternate_speakers,
    held_out_clips,
    manifest_rows,
)
from undertone.studies.probe.classes import ClassProbe, class_probes
from undertone.studies.probe.clips import load_probe_clips

EMOTION = "emotion"  # column of a labelled set's manifest
FILE_SECONDS = DurationRange(2.0, 30.0)
CLIP_SECONDS = 5.0  # of each clip at most


def corpus_probes(engine: Engine, corpus: Corpus, split: str, num_clips: int, seed: int) -> dict[str, ClassProbe]:
    """Return what can be told of speaker, phone and class of F0 on held-out clips.

    Raises:
        MeasureError: fewer than two clips can be used.
    """
    clips = held_out_clips(corpus, split, num_clips, FILE_SECONDS, seed)
    material = load_probe_clips(engine, clips, min(CLIP_SECONDS, engine.max_seconds))
    config = engine.bundle.config
    return class_probes(material, config.model.num_tokens, unit_names(config.tokenizer), seed=seed)


def emotion_probe(engine: Engine, labelled: Path, num_clips: int, seed: int) -> dict[str, ClassProbe]:
    """Return what can be told of emotion on a set whose manifest.tsv has it in a column of its own.

    Raises:
        MeasureError: no such column, or fewer than two clips can be used.
    """
    clips, emotions = emotion_clips(labelled, num_clips, seed)
    material = load_probe_clips(engine, clips, min(CLIP_SECONDS, engine.max_seconds))
    used = [emotions[clip.clip_id] for clip in clips if clip.clip_id not in material.skipped]
    config = engine.bundle.config
    probes = class_probes(material, config.model.num_tokens, unit_names(config.tokenizer), used, seed)
    return {name: probe for name, probe in probes.items() if name == EMOTION}


def emotion_clips(labelled: Path, num_clips: int, seed: int) -> tuple[list[HeldOut], dict[str, str]]:
    """Return clips of a labelled set, alternating between speakers and emotions, and the emotion of each.

    Raises:
        MeasureError: no manifest, or one without emotions.
    """
    rows = [row for row in manifest_rows(labelled) if row.get(EMOTION, "").strip()]
    if not rows:
        raise MeasureError(f"{labelled / MANIFEST} has no column {EMOTION} with values; add one to probe emotion.")
    of_speaker = {row["utt_id"]: row["speaker"] for row in rows}
    emotions = {row["utt_id"]: row[EMOTION].strip() for row in rows}
    clips = [
        HeldOut(row["utt_id"], labelled / row["file"], f"{row['speaker']} {emotions[row['utt_id']]}", "")
        for row in rows
    ]
    chosen = list(alternate_speakers(clips, seed))[:num_clips]
    return [HeldOut(clip.clip_id, clip.path, of_speaker[clip.clip_id], "") for clip in chosen], emotions
