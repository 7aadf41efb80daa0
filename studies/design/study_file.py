"""A study as one YAML file: everything that decides who hears what, how it is asked, and what is paid attention to."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from undertone.engine.config import Config
from undertone.engine.validation import checked
from undertone.engine.yaml_text import YamlError, read_yaml
from undertone.studies.design.analysis_plan import AnalysisPlan
from undertone.studies.design.consistency import (
    check_analysis,
    check_known_answers,
    check_names,
    check_sections,
    check_systems,
)
from undertone.studies.design.errors import DesignError
from undertone.studies.design.rules import Allocation, Completion, Screening, SessionLimits
from undertone.studies.design.scales import SCALES, Scale, Slug
from undertone.studies.design.sections import Section
from undertone.studies.design.sources import KnownItem, Preparation, Prompts, SystemDesign, Trap
from undertone.studies.store.storable import unstorable


class StudyFile(Config):
    """The whole definition of a study."""

    format_version: Literal[1] = 1
    name: Slug
    title: str  # raters see it
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    comparison: Literal["single", "ab"] = "single"
    systems: Annotated[tuple[SystemDesign, ...], Field(min_length=1)]
    prompts: Prompts
    preparation: Preparation = Preparation()
    scales: Annotated[tuple[Scale, ...], Field(min_length=1)]  # a name of `scales.SCALES`, or the whole wording
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]
    training: tuple[KnownItem, ...] = ()
    golds: tuple[KnownItem, ...] = ()
    traps: tuple[Trap, ...] = ()
    allocation: Allocation = Allocation()
    screening: Screening = Screening()
    limits: SessionLimits = SessionLimits()
    completion: Completion = Completion()
    analysis: AnalysisPlan = AnalysisPlan()
    recruitment: str = ""  # for the methods paragraph: panel, country, language
    pay: str = ""  # for the methods paragraph
    provenance: dict[str, Any] = Field(default_factory=dict)  # of a study made from takes
    folder: Path | None = None  # where relative paths begin: that of the file, noted when it is read

    @model_validator(mode="before")
    @classmethod
    def _scales_by_name(cls, values: Any) -> Any:
        """Replace scales given by their name."""
        if isinstance(values, dict) and isinstance(values.get("scales"), list | tuple):
            values = {**values, "scales": [_scale_of(scale) for scale in values["scales"]]}
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = unstorable(self.model_dump(mode="json")) or unstorable(self.provenance)
        if found is not None:
            raise ValueError(f"the study has {found}, which no database keeps")
        for check in (check_names, check_systems, check_sections, check_known_answers, check_analysis):
            check(self)
        return self

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the whole definition, wherever its folder is."""
        text = json.dumps(self.model_dump(mode="json", exclude={"folder"}), sort_keys=True, ensure_ascii=False)
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
    return checked(StudyFile, {"folder": str(path.resolve().parent), **values}, str(path), DesignError)


def study_from_json(definition: dict[str, Any]) -> StudyFile:
    """Read the definition as it is stored with a study."""
    return checked(StudyFile, definition, "the stored study", DesignError)


def _scale_of(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in SCALES:
        raise ValueError(f"unknown scale {value!r}; known scales: {', '.join(SCALES)}, or give the whole wording")
    return SCALES[value]
