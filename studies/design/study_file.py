"""A study as one YAML file: everything that decides who hears what, how it is asked, and what is paid attention to."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from undertone.engine.config import Config
from undertone.engine.files.validation import validate_values
from undertone.engine.files.yaml_text import YamlError, read_yaml
from undertone.studies.design.analysis_plan import AnalysisPlan
from undertone.studies.design.errors import DesignError
from undertone.studies.design.framing import Origin
from undertone.studies.design.kinds import MOST_CLIPS, MushraTrial, Trials
from undertone.studies.design.known_answers import check_clips, check_form, listed_clips
from undertone.studies.design.languages import Language, Message, find_wrong_message, renew_messages
from undertone.studies.design.published import PublishedScores
from undertone.studies.design.reporting import Reporting
from undertone.studies.design.rules import Allocation, Completion, Screening, SessionLimits, VarianceRule
from undertone.studies.design.scale_words import scale_texts, speak_scale
from undertone.studies.design.scales import Scale, Slug
from undertone.studies.design.sections import Break, RatingSection, Section, Training
from undertone.studies.design.sources import DegradedSource, Known, Preparation, Prompts, SystemDesign, Trap
from undertone.studies.design.storable import find_unstorable

ADDED_KEYS = (
    "trials",
    "analysis",
    "language",
    "messages",
    "framed_by",
    "reporting",
    "published",
)  # unused, they are not part of the hash, which older studies thus keep


class StudyFile(Config):
    """The whole definition of a study."""

    format_version: Literal[1] = 1
    name: Slug
    title: str  # raters see it
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    comparison: Literal["single", "ab"] = "single"  # ab: both versions one after the other in one sound
    trials: Trials | None = None  # of several clips; None: one clip is rated by itself
    systems: Annotated[tuple[SystemDesign, ...], Field(min_length=1)]
    prompts: Prompts
    preparation: Preparation = Preparation()
    scales: Annotated[tuple[Scale, ...], Field(min_length=1)]  # a name of `scales.SCALES`, or the whole wording
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]
    training: tuple[Known, ...] = ()
    golds: tuple[Known, ...] = ()
    traps: tuple[Trap, ...] = ()
    allocation: Allocation = Allocation()
    screening: Screening = Screening()
    limits: SessionLimits = SessionLimits()
    completion: Completion = Completion()
    analysis: AnalysisPlan = AnalysisPlan()
    language: Language = "en"  # of the rater's pages; a built-in one, or one whose `messages` are all here
    messages: dict[str, Message] = Field(default_factory=dict)  # by their English text, instead of the built-in ones
    framed_by: Annotated[tuple[Origin, ...], Field(max_length=12)] = ()  # sites whose pages may hold the rater's page
    recruitment: str = ""  # for the methods paragraph: panel, country, language
    pay: str = ""  # for the methods paragraph
    reporting: Reporting = Reporting()  # for the reviewers' checklist
    published: PublishedScores = PublishedScores()  # of these systems elsewhere; the results are shown beside them
    provenance: dict[str, Any] = Field(default_factory=dict)  # of a study made from takes
    folder: Path | None = None  # where relative paths begin: that of the file, noted when it is read

    @model_validator(mode="before")
    @classmethod
    def _scales_by_name(cls, values: Any) -> Any:
        """Replace scales given by their name by their words in the study's language."""
        if isinstance(values, dict) and isinstance(values.get("scales"), list | tuple):
            language, brought = values.get("language", "en"), values.get("messages", {})
            if isinstance(language, str) and isinstance(brought, dict):  # what else they are is said by their fields
                scales = [
                    speak_scale(one, language, brought) if isinstance(one, str) else one for one in values["scales"]
                ]
                values = {**values, "scales": scales}
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = find_unstorable(self.model_dump(mode="json")) or find_unstorable(self.provenance)
        if found is not None:
            raise ValueError(f"the study has {found}, which no database keeps")
        checks = (
            _check_names,
            _check_systems,
            _check_sections,
            _check_known_answers,
            _check_analysis,
            _check_published,
            _check_trials,
            _check_language,
        )
        for check in checks:
            check(self)
        return self

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the whole definition, wherever its folder is."""
        fields = type(self).model_fields
        unused = {key for key in ADDED_KEYS if getattr(self, key) == fields[key].get_default(call_default_factory=True)}
        left_out: dict[str, Any] = dict.fromkeys({"folder"} | unused, True)
        if "analysis" not in unused and not self.analysis.looks:
            left_out["analysis"] = {"looks"}
        text = json.dumps(self.model_dump(mode="json", exclude=left_out), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def scale(self, name: str) -> Scale:
        """Return the scale of a name.

        Raises:
            DesignError: there is none.
        """
        for scale in self.scales:
            if scale.name == name:
                return scale
        raise DesignError(f"study {self.name!r} has no scale {name!r}; it has {[scale.name for scale in self.scales]}.")

    def resolved(self, path: Path) -> Path:
        """Return a path of the file, as it is on this machine."""
        return (self.folder or Path()) / path.expanduser()

    def has_kind(self, kind: str) -> bool:
        """Return whether there is a section of a kind by its word."""
        return any(section.kind == kind for section in self.sections)

    def has(self, kind: type[Config]) -> bool:
        """Return whether there is a section of this kind."""
        return any(isinstance(section, kind) for section in self.sections)


def load_study_file(path: Path) -> StudyFile:
    """Read and check a study file; its relative paths are taken from the file's folder.

    Raises:
        DesignError: naming the file, the key and the known keys.
    """
    try:
        values = read_yaml(path)
    except YamlError as error:
        raise DesignError(f"{path} cannot be read as a study file: {error}") from error
    if not isinstance(values, dict):
        raise DesignError(f"{path} holds a {type(values).__name__}; expected the keys of a study.")
    return validate_values(StudyFile, {"folder": str(path.resolve().parent), **values}, str(path), DesignError)


def study_from_json(definition: dict[str, Any]) -> StudyFile:
    """Read the definition as it is stored with a study, perhaps by an earlier version with other messages."""
    brought, language = definition.get("messages"), str(definition.get("language", "en"))
    if brought:
        definition = {**definition, "messages": renew_messages(language, brought, scale_texts())}
    return validate_values(StudyFile, definition, "the stored study", DesignError)


def _check_names(study: StudyFile) -> None:
    """Check that nothing is named twice."""
    for what, names in (
        ("system", [system.name for system in study.systems]),
        ("scale", [scale.name for scale in study.scales]),
        ("prompt", [prompt.name for prompt in study.prompts.items]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{what} names are used twice: {twice}")


def _check_systems(study: StudyFile) -> None:
    """Check that every system can be made from what is there."""
    by_name = {system.name: system for system in study.systems}
    for system in study.systems:
        if isinstance(system.source, DegradedSource):
            origin = by_name.get(system.source.of)
            if origin is None or isinstance(origin.source, DegradedSource):
                raise ValueError(f"system {system.name!r} degrades {system.source.of!r}; expected an undegraded system")
    if (study.prompts.folder is None) == (not study.prompts.items):
        raise ValueError("prompts need either `folder` or `items`")
    if study.comparison == "ab" and len(study.systems) < 2:
        raise ValueError("an A/B study needs two systems at least")


def _check_sections(study: StudyFile) -> None:
    """Check that the flow can be walked from consent to debrief."""
    kinds = [section.kind for section in study.sections]
    for kind in ("consent", "eligibility", "volume", "headphones", "training", "rating", "debrief"):
        if kinds.count(kind) > 1:
            raise ValueError(f"section {kind!r} is listed {kinds.count(kind)} times; once at most")
    if not study.has(RatingSection):
        raise ValueError("no section of kind 'rating'")
    if "consent" in kinds[1:]:
        raise ValueError("consent comes first: nothing may be asked before it")
    if study.has(Training) != bool(study.training):
        raise ValueError("a section of kind 'training' and the list `training` need each other")
    for section in study.sections:
        if isinstance(section, Break) and section.after_trials >= study.allocation.trials_per_session:
            raise ValueError(f"a break after {section.after_trials} trials never comes")


def _check_known_answers(study: StudyFile) -> None:
    """Check that there are enough traps, golds and training items, and that their answers are answers of the scales."""
    for what, items, wanted in (
        ("traps", study.traps, study.allocation.traps),
        ("golds", study.golds, study.allocation.golds),
    ):
        if len(items) < wanted:
            raise ValueError(f"allocation asks for {wanted} {what} in a session, but {len(items)} are listed")
    check_clips([*study.training, *study.golds], study.traps, study.scales)
    if any(not any(clip.expected for clip in listed_clips(gold)) for gold in study.golds):
        raise ValueError("a gold needs `expected`")


def _check_analysis(study: StudyFile) -> None:
    """Check that declared contrasts are between systems of the study, on its scales, each declared once."""
    systems, scales = {system.name for system in study.systems}, {scale.name for scale in study.scales}
    seen: set[tuple[frozenset[str], str]] = set()
    for contrast in study.analysis.primary_contrasts:
        unknown = sorted({contrast.first, contrast.second} - systems)
        if unknown:
            raise ValueError(f"a primary contrast names {unknown}; the systems are {sorted(systems)}")
        if contrast.scale is not None and contrast.scale not in scales:
            raise ValueError(f"a primary contrast is on scale {contrast.scale!r}; the scales are {sorted(scales)}")
        for scale in scales if contrast.scale is None else {contrast.scale}:
            key = (frozenset({contrast.first, contrast.second}), scale)
            if key in seen:
                raise ValueError(f"the contrast {contrast.first} - {contrast.second} is declared twice on {scale!r}")
            seen.add(key)


def _check_published(study: StudyFile) -> None:
    """Check that published scores are of systems of the study, on its scales."""
    systems, scales = {system.name for system in study.systems}, {scale.name for scale in study.scales}
    for scale, scores in study.published.scores.items():
        if scale not in scales:
            raise ValueError(f"published scores are on scale {scale!r}; the scales are {sorted(scales)}")
        if unknown := sorted(set(scores) - systems):
            raise ValueError(f"published scores name {unknown}; the systems are {sorted(systems)}")


def clips_per_trial(study: StudyFile) -> int:
    """Return how many clips a trial of the study has."""
    match study.trials:
        case None:
            return 1
        case MushraTrial():
            return len(study.systems)
        case trials:
            return trials.clips


def rated_systems(study: StudyFile) -> list[str]:
    """Return the systems that raters hear."""
    roles = {"system"}
    if study.allocation.include_ground_truth or isinstance(study.trials, MushraTrial):
        roles.add("ground_truth")
    if study.allocation.include_low_anchor or isinstance(study.trials, MushraTrial):
        roles.add("low_anchor")
    return [system.name for system in study.systems if system.role in roles]


def _check_language(study: StudyFile) -> None:
    wrong = find_wrong_message(study.language, study.messages, scale_texts())
    if wrong:
        raise ValueError(wrong)


def _check_trials(study: StudyFile) -> None:
    """Check that a study of sets has the scales and systems of its kind, and items of several clips."""
    trials = study.trials
    items = [*study.training, *study.golds]
    if trials is None:
        check_form(items, trials, 1, None)
        return
    if study.comparison != "single":
        raise ValueError(f"trials of kind {trials.kind!r} play each clip by itself; leave `comparison: ab` out")
    if any(isinstance(rule, VarianceRule) for rule in study.screening.rules) and trials.kind != "mushra":
        raise ValueError(f"the rule 'variance' says nothing about trials of kind {trials.kind!r}; remove it")
    _TRIAL_CHECKS[trials.kind](study)
    reference = next((system.name for system in study.systems if system.role == "ground_truth"), None)
    check_form(items, trials, clips_per_trial(study), reference)


def _check_preference(study: StudyFile) -> None:
    _check_count(study, 2)
    scale = _only_scale(study)
    if scale.minimum != -scale.maximum:
        raise ValueError(f"scale {scale.name!r} is not the same for both clips; it must reach from -x to x")


def _check_best_worst(study: StudyFile) -> None:
    _check_count(study, clips_per_trial(study))
    scale = _only_scale(study)
    if scale.values != (-1.0, 0.0, 1.0):
        raise ValueError(f"scale {scale.name!r} must be -1 (worst), 0 (neither), 1 (best); `best-worst` is ready-made")


def _check_mushra(study: StudyFile) -> None:
    references = [system.name for system in study.systems if system.role == "ground_truth"]
    if len(references) != 1:
        raise ValueError(f"MUSHRA needs one system of role ground_truth, its reference; there are {len(references)}")
    if not any(system.role == "low_anchor" for system in study.systems):
        raise ValueError("MUSHRA needs an anchor: a system of role low_anchor, such as {kind: degraded, ...}")
    if not 3 <= len(study.systems) <= MOST_CLIPS:
        raise ValueError(f"a MUSHRA trial has 3 to {MOST_CLIPS} clips; the study has {len(study.systems)} systems")
    wrong = [scale.name for scale in study.scales if (scale.minimum, scale.maximum) != (0.0, 100.0)]
    if wrong:
        raise ValueError(f"MUSHRA is rated from 0 to 100; scales {wrong} are not. `mushra` is ready-made")


def _check_count(study: StudyFile, clips: int) -> None:
    systems = rated_systems(study)
    if len(systems) < clips:
        raise ValueError(f"a trial has {clips} clips, but raters hear {len(systems)} systems: {systems}")


def _only_scale(study: StudyFile) -> Scale:
    if len(study.scales) != 1:
        raise ValueError(f"such a trial is answered on one scale; the study has {len(study.scales)}")
    return study.scales[0]


_TRIAL_CHECKS = {"preference": _check_preference, "best_worst": _check_best_worst, "mushra": _check_mushra}
