"""Whether the parts of a study file fit together; what does not is a ValueError in words."""

from typing import TYPE_CHECKING

from undertone.studies.design.sections import Break, RatingSection, Training
from undertone.studies.design.sources import DegradedSource, KnownItem, Trap

if TYPE_CHECKING:
    from undertone.studies.design.study_file import StudyFile


def check_names(study: "StudyFile") -> None:
    """Check that nothing is named twice."""
    for what, names in (
        ("system", [system.name for system in study.systems]),
        ("scale", [scale.name for scale in study.scales]),
        ("prompt", [prompt.name for prompt in study.prompts.items]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{what} names are used twice: {twice}")


def check_systems(study: "StudyFile") -> None:
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


def check_sections(study: "StudyFile") -> None:
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


def check_analysis(study: "StudyFile") -> None:
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


def check_known_answers(study: "StudyFile") -> None:
    """Traps, golds and training items are enough, and their answers are answers."""
    for what, items, wanted in (
        ("traps", study.traps, study.allocation.traps),
        ("golds", study.golds, study.allocation.golds),
    ):
        if len(items) < wanted:
            raise ValueError(f"allocation asks for {wanted} {what} in a session, but {len(items)} are listed")
    for trap in study.traps:
        if (trap.audio is None) == (trap.instruction is None):
            raise ValueError("a trap needs either `audio` or `instruction`")
    for item in [*study.training, *study.golds]:
        if (item.audio is None) == (item.system is None or item.prompt is None):
            raise ValueError("a gold or training item needs either `audio` or `system` and `prompt`")
    if any(not gold.expected for gold in study.golds):
        raise ValueError("a gold needs `expected`")
    scales = {scale.name: scale for scale in study.scales}
    known_items: list[KnownItem | Trap] = [*study.training, *study.golds, *study.traps]
    for known in known_items:
        for name, answer in known.expected.items():
            if name not in scales or not scales[name].allows(answer.value):
                raise ValueError(f"expected answer {name}: {answer.value:g} is not an answer of this study's scales")
