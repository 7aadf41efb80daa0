"""Measures of a bundle: objective measures, the probe of its latents, and listening studies with their statistics.

A study goes `load_study_file`, `make_study`, `build_study`, `set_status`; what raters gave goes `load_study`,
`analyse_study`, `study_report`. `evaluate_bundle` and `probe_bundle` measure a bundle on recordings.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from undertone.studies.errors import MeasureError, NotInstalledError

if TYPE_CHECKING:
    from undertone.studies.analysis.errors import AnalysisError
    from undertone.studies.analysis.export import export_study
    from undertone.studies.analysis.load import load_study
    from undertone.studies.analysis.ratings_frame import StudyData
    from undertone.studies.analysis.report import study_report
    from undertone.studies.analysis.results import StudyResults, analyse_study
    from undertone.studies.build.lifecycle import StudySummary, make_study, set_status, status_of
    from undertone.studies.build.pipeline import BuildResult, build_study
    from undertone.studies.build.takes import study_from_takes
    from undertone.studies.design.errors import DesignError
    from undertone.studies.design.study_file import StudyFile, load_study_file
    from undertone.studies.evaluation.evaluate import evaluate, evaluate_bundle
    from undertone.studies.evaluation.results import Evaluation
    from undertone.studies.lexical.scoring import lexical_accuracy, read_pairs
    from undertone.studies.probe.run import probe_bundle, stored_report
    from undertone.studies.store.database import Database
    from undertone.studies.store.errors import StoreError
    from undertone.studies.store.locations import StorageLocations
    from undertone.studies.store.migrate import migrate
    from undertone.studies.store.startup import open_database
    from undertone.studies.store.studies import study_names

__all__ = [
    "AnalysisError",
    "BuildResult",
    "Database",
    "DesignError",
    "Evaluation",
    "MeasureError",
    "NotInstalledError",
    "StorageLocations",
    "StoreError",
    "StudyData",
    "StudyFile",
    "StudyResults",
    "StudySummary",
    "analyse_study",
    "build_study",
    "evaluate",
    "evaluate_bundle",
    "export_study",
    "lexical_accuracy",
    "load_study",
    "load_study_file",
    "make_study",
    "migrate",
    "open_database",
    "probe_bundle",
    "read_pairs",
    "set_status",
    "status_of",
    "stored_report",
    "study_from_takes",
    "study_names",
    "study_report",
]

# Where each name lives. It is imported on first use: a process that serves raters should load neither torch nor pandas.
_HOMES = {
    "undertone.studies.analysis.errors": ("AnalysisError",),
    "undertone.studies.analysis.export": ("export_study",),
    "undertone.studies.analysis.load": ("load_study",),
    "undertone.studies.analysis.ratings_frame": ("StudyData",),
    "undertone.studies.analysis.report": ("study_report",),
    "undertone.studies.analysis.results": ("StudyResults", "analyse_study"),
    "undertone.studies.build.lifecycle": ("StudySummary", "make_study", "set_status", "status_of"),
    "undertone.studies.build.pipeline": ("BuildResult", "build_study"),
    "undertone.studies.build.takes": ("study_from_takes",),
    "undertone.studies.design.errors": ("DesignError",),
    "undertone.studies.design.study_file": ("StudyFile", "load_study_file"),
    "undertone.studies.evaluation.evaluate": ("evaluate", "evaluate_bundle"),
    "undertone.studies.evaluation.results": ("Evaluation",),
    "undertone.studies.lexical.scoring": ("lexical_accuracy", "read_pairs"),
    "undertone.studies.probe.run": ("probe_bundle", "stored_report"),
    "undertone.studies.store.database": ("Database",),
    "undertone.studies.store.errors": ("StoreError",),
    "undertone.studies.store.locations": ("StorageLocations",),
    "undertone.studies.store.migrate": ("migrate",),
    "undertone.studies.store.startup": ("open_database",),
    "undertone.studies.store.studies": ("study_names",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name from its module, which is imported now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
