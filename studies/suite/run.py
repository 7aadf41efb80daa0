"""Measure several systems on the same clips and prompts; each is measured once, and kept.

OUT/NAME/                 rows of every clip and continuation, evaluation.json, and sounds where they are kept
OUT/NAME/system.json      a finished system
OUT/suite.json, tables.md all systems
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from undertone.engine import Engine
from undertone.engine.bundle import bundle_folder, fingerprint, read_config
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import fingerprint_of_pairs
from undertone.engine.tokenizers import unit_names
from undertone.studies.benchmarks.miniatures import (
    Accuracies,
    existing_pairs,
    miniature_accuracies,
    read_spoken_pairs,
    score_spoken_pairs,
)
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation.evaluate import NUM_CLIPS, NUM_CONTINUATIONS, evaluate
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.evaluation.systems import GROUND_TRUTH
from undertone.studies.lexical.frames import RecordedFrames
from undertone.studies.measures.heldout import Corpus, corpus_folder
from undertone.studies.measures.language_models import LanguageModel, PackagedNgrams
from undertone.studies.measures.whisper_asr import whisper_name
from undertone.studies.probe.classes import ClassProbe
from undertone.studies.suite.probes import corpus_probes, emotion_probe
from undertone.studies.suite.results import SuiteResult, SuiteSettings, SystemResult
from undertone.studies.suite.tables import suite_tables

log = logging.getLogger(__name__)

RENDERINGS = (GROUND_TRUTH, "copy_synthesis", "reconstruction")  # what the paper has rows for
SYSTEM, SUITE, TABLES = "system.json", "suite.json", "tables.md"


@dataclass(frozen=True)
class SuitePlan:
    """What is measured, of every system alike.

    Attributes:
        corpus, split: recordings that no system was trained on.
        clips: to reconstruct and to score.
        prompts: to go on from; 0 leaves continuations out.
        whisper: folder or name of a faster-whisper model; None asks the environment.
        language_model: that reads the transcripts of continuations.
        spoken_pairs: file of pairs of `undertone text spoken-pairs`; None leaves the miniatures out.
        pairs_per_kind: of that file, at most; None takes all.
        probe_clips: to tell speaker, phone, class of F0 and emotion on; 0 leaves the probes out.
        emotion: folder of a set that is labelled with emotions, for its probe.
        keep_sounds: write everything that is made.
        workers: processes that listen; None takes one for each core, 0 none but this.
    """

    corpus: Corpus
    split: str
    clips: int = NUM_CLIPS
    prompts: int = NUM_CONTINUATIONS
    seed: int = 0
    whisper: str | Path | None = None
    language_model: LanguageModel = field(default_factory=PackagedNgrams)
    spoken_pairs: Path | None = None
    pairs_per_kind: int | None = None
    probe_clips: int = 0
    emotion: Path | None = None
    keep_sounds: bool = False
    workers: int | None = None

    @property
    def settings(self) -> SuiteSettings:
        """Return what decides the numbers, as it is written down."""
        heard = InstalledMeasures.installed(self.whisper).whisper
        return SuiteSettings(
            corpus=corpus_folder(self.corpus).resolve().name,
            split=self.split,
            clips=self.clips,
            prompts=self.prompts,
            seed=self.seed,
            whisper=whisper_name(heard) if heard else None,
            language_model=self.language_model.name,
            spoken_pairs=fingerprint_of_pairs(existing_pairs(self.spoken_pairs)) if self.spoken_pairs else None,
            pairs_per_kind=self.pairs_per_kind,
            probe_clips=self.probe_clips,
            emotion=self.emotion.resolve().name if self.emotion else None,
        )


def run_suite(bundles: Sequence[str | Path], plan: SuitePlan, out: Path) -> SuiteResult:
    """Measure every system that is not finished in `out`, write all numbers and tables, and return the numbers.

    Raises:
        MeasureError: no system, two of one name, a corpus that cannot be used, or results of other settings in `out`.
        BundleError: a bundle cannot be read.
    """
    folders = {read_config(folder).name: folder for folder in map(bundle_folder, bundles)}
    if not folders or len(folders) < len(bundles):
        raise MeasureError(
            f"{len(bundles)} systems were named and {len(folders)} have a name of their own; name each once."
        )
    settings = plan.settings
    done = {name: finished_system(out / name, folder, settings) for name, folder in folders.items()}
    systems = []
    for name, folder in folders.items():
        found = done[name]
        if found is None:
            log.info("%s: measuring", name)
            found = measure_system(folder, plan, settings, out / name)
            write_whole(out / name / SYSTEM, found.model_dump_json(indent=2) + "\n")
        systems.append(found)
    result = SuiteResult(settings=settings, systems=tuple(systems))
    write_whole(out / SUITE, result.model_dump_json(indent=2) + "\n")
    write_whole(out / TABLES, "\n\n".join(suite_tables(result)) + "\n")
    return result


def finished_system(folder: Path, bundle: Path, settings: SuiteSettings) -> SystemResult | None:
    """Return what was found of a bundle; None where it was not measured, or has other weights now.

    Raises:
        MeasureError: it was measured with other settings.
    """
    path = folder / SYSTEM
    if not path.is_file():
        return None
    try:
        found = SystemResult.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise MeasureError(f"{path} is of another version; give another --out: {error}") from error
    if found.settings != settings:
        pairs = zip(found.settings, settings, strict=True)
        changes = ", ".join(f"{key} {then!r}, now {now!r}" for (key, then), (_, now) in pairs if then != now)
        raise MeasureError(f"{folder} was measured otherwise: {changes}. Give another --out, or the same settings.")
    return found if found.evaluation.bundle_sha256 == fingerprint(bundle) else None


def measure_system(bundle: Path, plan: SuitePlan, settings: SuiteSettings, out: Path) -> SystemResult:
    """Measure one system."""
    engine = Engine.from_pretrained(bundle)
    miniatures, probes = measure_miniatures(engine, plan), measure_probes(engine, plan)
    evaluation = evaluate(
        engine,
        plan.corpus,
        plan.split,
        plan.clips,
        plan.prompts,
        plan.seed,
        out,
        workers=plan.workers,
        whisper=plan.whisper,
        language_model=plan.language_model,
        renderings=RENDERINGS,
        sounds=out / "sounds" if plan.keep_sounds else None,
        most_disturbed=0,  # no table of the paper asks for it
    )
    return SystemResult(
        settings=settings,
        name=engine.bundle.name,
        system=engine.bundle.config.model.system,
        evaluation=evaluation,
        miniatures=miniatures,
        probes=probes,
    )


def measure_miniatures(engine: Engine, plan: SuitePlan) -> Accuracies:
    """Return the accuracies on spoken pairs of the corpus's recordings; none without pairs."""
    if plan.spoken_pairs is None:
        return {}
    pairs = read_spoken_pairs(plan.spoken_pairs, plan.pairs_per_kind)
    frames = RecordedFrames(engine, corpus_folder(plan.corpus))
    names = unit_names(engine.bundle.config.tokenizer)
    return miniature_accuracies(score_spoken_pairs(engine.bundle.model, pairs, frames, plan.seed, unit_names=names))


def measure_probes(engine: Engine, plan: SuitePlan) -> dict[str, ClassProbe]:
    """Return the probes that were asked for."""
    if not plan.probe_clips:
        return {}
    found = corpus_probes(engine, plan.corpus, plan.split, plan.probe_clips, plan.seed)
    if plan.emotion is not None:
        found |= emotion_probe(engine, plan.emotion, plan.probe_clips, plan.seed)
    return found
