"""Make a blind study of takes; the settings of each take stay with the study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undertone.engine import TakeSettings
from undertone.engine.audio.wav import SAMPLE_BYTES, SAMPLE_RATE_HZ, float_wav
from undertone.studies.design.errors import DesignError
from undertone.studies.design.rules import Allocation
from undertone.studies.design.sections import Consent, Debrief, RatingSection, Section, Volume
from undertone.studies.design.slugs import slug
from undertone.studies.design.sources import FolderSource, PromptItem, Prompts, SystemDesign
from undertone.studies.design.study_file import StudyFile

if TYPE_CHECKING:  # the playground makes `TakeSound`s and has no database
    from undertone.engine import Take
    from undertone.studies.store import Database, StorageLocations

CONSENT = (
    "You will listen to short clips of speech and answer questions about each. We store your answers, their times, "
    "whether you use a phone or a computer, and the family of your browser. You may stop at any time and may ask for "
    "your data to be deleted. By going on you agree."
)


@dataclass(frozen=True)
class TakeSound:
    """Sound and settings of a take, for a process without a model.

    Attributes:
        samples: prompt and continuation, little-endian float32 at 16 kHz.
        prompt_samples: how many of them are the prompt, as the model says it.
    """

    settings: TakeSettings
    samples: bytes
    prompt_samples: int

    @classmethod
    def of(cls, take: "Take") -> "TakeSound":
        """Return the sound and the settings of a take."""
        from undertone.engine.generation.saved_sound import sample_bytes

        return cls(take.settings, sample_bytes(take.audio), take.prompt_samples)

    @property
    def num_samples(self) -> int:
        return len(self.samples) // SAMPLE_BYTES

    @property
    def prompt(self) -> bytes:
        """Return the samples of the prompt."""
        return self.samples[: self.prompt_samples * SAMPLE_BYTES]


def study_from_takes(
    db: "Database", takes: Sequence["Take"], places: "StorageLocations", name: str, **more: Any
) -> StudyFile:
    """Write takes of the engine down as a draft study; arguments and errors are those of `study_from_sounds`."""
    return study_from_sounds(db, [TakeSound.of(take) for take in takes], places, name, **more)


def study_from_sounds(
    db: "Database",
    takes: Sequence[TakeSound],
    places: "StorageLocations",
    name: str,
    title: str = "How does this speech sound?",
    scales: Sequence[str] = ("naturalness", "meaningfulness"),
    raters_per_stimulus: int = 7,
    seed: int = 0,
) -> StudyFile:
    """Write the takes down as a draft study; `build_study` and `set_status` go on from there.

    Takes of the same bundle and sampling are one system where that gives several systems with equally many takes;
    else every take is a system of its own. Every rater hears every take, in an order of their own.

    Args:
        places: the sounds go below its data folder: the visitor's prompt, as the model says it, is kept from now on.
        name: of the study, lower case with hyphens.
        scales: names of `undertone.studies.design.SCALES`.
    Raises:
        DesignError: fewer than two takes, or a name or scale that cannot be used.
    """
    if len(takes) < 2:
        raise DesignError(f"a study needs two takes at least, got {len(takes)}. Make another take first.")
    by_system = take_systems(takes)
    shortest = min(take.num_samples for take in takes) / SAMPLE_RATE_HZ
    prompt_seconds = min(take.prompt_samples for take in takes) / SAMPLE_RATE_HZ
    study = StudyFile(
        name=name,
        title=title,
        seed=seed,
        systems=tuple(
            SystemDesign(name=system, source=FolderSource(folder=Path("systems") / system, partial=True))
            for system in by_system
        ),
        prompts=Prompts(
            items=tuple(
                PromptItem(name=_label(index), audio=Path("prompts") / f"{_label(index)}.wav")
                for index in range(len(takes))
            ),
            prompt_seconds=prompt_seconds,
            continuation_seconds=shortest - prompt_seconds,  # all takes are cut to the shortest
        ),
        scales=tuple(scales),  # type: ignore[arg-type]  # names, which the file's validator looks up
        sections=_sections(),
        allocation=Allocation(trials_per_session=len(takes), raters_per_stimulus=raters_per_stimulus),
        provenance={"takes": _provenance(by_system, takes)},
        folder=places.data / "drafts" / name,
    )
    from undertone.studies.build.lifecycle import make_study  # loads what builds sounds, which a page seldom needs

    make_study(db, study)  # first: it refuses a name that is taken
    _write(study, by_system, takes)
    return study


def take_systems(takes: Sequence[TakeSound]) -> dict[str, list[int]]:
    """Return the indices of the takes of each system, which bears its bundle's name where every system has another."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index, take in enumerate(takes):
        key = take.settings.bundle_sha256, take.settings.sampling.model_dump_json()
        groups.setdefault(key, []).append(index)
    if len(groups) == 1 or len({len(group) for group in groups.values()}) > 1:
        return {_label(index): [index] for index in range(len(takes))}
    names = [slug(takes[group[0]].settings.bundle_name) for group in groups.values()]
    if len(set(names)) < len(names):
        names = [f"settings-{number}" for number in range(1, len(groups) + 1)]
    return dict(zip(names, groups.values(), strict=True))


def _label(index: int) -> str:
    return f"take-{index + 1}"


def _sections() -> tuple[Section, ...]:
    debrief = "All clips were made by computer models that went on from a recording."
    return Consent(text=CONSENT), Volume(), RatingSection(), Debrief(text=debrief)


def _provenance(by_system: dict[str, list[int]], takes: Sequence[TakeSound]) -> dict[str, Any]:
    return {
        _label(index): {"system": system, "settings": takes[index].settings.model_dump(mode="json")}
        for system, indices in by_system.items()
        for index in indices
    }


def _write(study: StudyFile, by_system: dict[str, list[int]], takes: Sequence[TakeSound]) -> None:
    for system, indices in by_system.items():
        for index in indices:
            sound = study.resolved(Path("systems") / system / f"{_label(index)}.wav")
            prompt = study.resolved(Path("prompts") / f"{_label(index)}.wav")
            for path, samples in ((sound, takes[index].samples), (prompt, takes[index].prompt)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(float_wav(samples))
