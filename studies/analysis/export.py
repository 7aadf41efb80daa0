"""A study's data for others: CSV, Parquet and JSON with a codebook, without anything that names a person.

Raters and sessions get new names, panel ids and free answers stay behind, and times are minutes since the session
began. A spreadsheet runs a cell that begins like a formula; in the CSV such a text gets an apostrophe before it.
"""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from undertone.engine.files.atomic_files import whole_folder
from undertone.studies.analysis.anonymise import anonymous_names, anonymous_sessions
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.load import load_study
from undertone.studies.analysis.mixed import LARGEST
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import StudyResults, analyse_study
from undertone.studies.analysis.screening import verdict_of
from undertone.studies.store import Database

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")  # OWASP, "CSV injection"

RATING_COLUMNS = {
    "rater": "Rater, a name made for this export; it says nothing about the person.",
    "session": "Session, a name made for this export.",
    "system": "System that was heard.",
    "prompt": "Prompt that the system went on from; the same over systems.",
    "stimulus": "Clip: one system on one prompt.",
    "kind": "main: counts; trap, gold, training: do not.",
    "scale": "Scale that was answered; its wording is in study.json.",
    "value": "Answer, a number on the scale.",
    "position": "Place of the clip in the session, from 0.",
    "page": "Trial of several clips that were heard and answered together, from 0; only in studies that have them.",
    "minutes": "Minutes from the session's beginning to the answer; empty where one of them is unknown.",
    "device": "phone, desktop or unknown.",
    "accepted": "Whether the session passed screening: True, False, or empty while it is not judged.",
}
SESSION_COLUMNS = {
    "session": RATING_COLUMNS["session"],
    "rater": RATING_COLUMNS["rater"],
    "state": "Where the session stands or how it ended.",
    "accepted": RATING_COLUMNS["accepted"],
    "device": RATING_COLUMNS["device"],
    "source": "How the rater came: prolific, mturk or link.",
    "minutes": "Minutes from beginning to end; empty while it lasts.",
}
STIMULUS_COLUMNS = {
    "stimulus": RATING_COLUMNS["stimulus"],
    "system": RATING_COLUMNS["system"],
    "prompt": RATING_COLUMNS["prompt"],
    "kind": "main, training, trap, gold, headphone or volume.",
    "seconds": "Duration.",
    "loudness_lufs": "Loudness after ITU-R BS.1770, LUFS.",
    "true_peak_dbtp": "True peak, dBTP.",
}


@dataclass(frozen=True)
class Export:
    """What was written."""

    folder: Path
    files: tuple[Path, ...]
    ratings: int
    sessions: int
    raters: int


def export_study(db: Database, study_name: str, out: Path, largest_mixed: int = LARGEST) -> Export:
    """Write a study's data into a folder, all of it or nothing.

    Args:
        db: holds it.
        study_name: its name.
        out: folder; made where missing, files of an earlier export are replaced.
        largest_mixed: ratings on a scale above which the mixed model is left out.
    Raises:
        AnalysisError: `out` is a file.
        StoreError: there is no study of this name.
    """
    if out.exists() and not out.is_dir():
        raise AnalysisError(f"{out} is a file; give a folder for the export.")
    return write_export(load_study(db, study_name), out, largest_mixed)


def write_export(data: StudyData, out: Path, largest_mixed: int = LARGEST) -> Export:
    """Do the same from data in memory."""
    tables = {"ratings": rating_rows(data), "sessions": session_rows(data), "stimuli": stimulus_rows(data)}
    results = analyse_study(data, largest_mixed=largest_mixed)
    with whole_folder(out) as folder:
        for name, table in tables.items():
            safe_csv(table, folder / f"{name}.csv")
            table.to_parquet(folder / f"{name}.parquet", index=False)
        _write_json(folder / "study.json", study_facts(data))
        _write_json(folder / "results.json", result_facts(results))
        (folder / "codebook.md").write_text(codebook(data, tables), encoding="utf-8")
        names = sorted(path.name for path in folder.iterdir())
    raters = tables["ratings"]["rater"].nunique()
    return Export(
        out, tuple(out / name for name in names), len(tables["ratings"]), len(tables["sessions"]), int(raters)
    )


def rating_rows(data: StudyData) -> pd.DataFrame:
    """Return a row for each rating, columns `RATING_COLUMNS`."""
    raters, sessions = anonymous_names(data), anonymous_sessions(data)
    began = data.sessions.set_index("session")["started_at"]
    table = data.ratings.assign(
        minutes=_minutes(data.ratings["session"].map(began), data.ratings["rated_at"]),
        rater=data.ratings["rater"].map(raters),
        session=data.ratings["session"].map(sessions),
        accepted=data.ratings["accepted"].astype("boolean"),
    )
    columns = [column for column in RATING_COLUMNS if column != "page" or "page" in table]
    return table[columns].sort_values(["session", "position", "scale"]).reset_index(drop=True)


def session_rows(data: StudyData) -> pd.DataFrame:
    """Return a row for each session, columns `SESSION_COLUMNS` and one for each screening rule."""
    table = data.sessions.assign(
        minutes=_minutes(data.sessions["started_at"], data.sessions["ended_at"]),
        rater=data.sessions["rater"].map(anonymous_names(data)),
        session=data.sessions["session"].map(anonymous_sessions(data)),
        accepted=data.sessions["accepted"].astype("boolean"),
    )[list(SESSION_COLUMNS)]
    verdicts = [verdict_of(screening) for screening in data.sessions["screening"]]
    for rule in dict.fromkeys(name for verdict in verdicts for name in verdict):
        table[f"passed_{rule}"] = pd.array([verdict.get(rule) for verdict in verdicts], dtype="boolean")
    return table.sort_values("session").reset_index(drop=True)


def stimulus_rows(data: StudyData) -> pd.DataFrame:
    """Return a row for each clip, columns `STIMULUS_COLUMNS`."""
    return data.stimuli[list(STIMULUS_COLUMNS)].reset_index(drop=True)


def safe_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table whose cells and headings no spreadsheet takes for formulas."""
    safe = table.copy()
    for column in safe.columns:
        if not (pd.api.types.is_numeric_dtype(safe[column]) or pd.api.types.is_bool_dtype(safe[column])):
            safe[column] = [_inert(value) for value in safe[column]]
    safe.columns = [_inert(column) for column in safe.columns]
    safe.to_csv(path, index=False, encoding="utf-8", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def study_facts(data: StudyData) -> dict[str, Any]:
    """Return what was done: the definition with paths cut to their last part, roles, seed, state."""
    return {
        "name": data.name,
        "title": data.title,
        "status": data.status,
        "seed": data.seed,
        "definition_hash": data.definition_hash,
        "roles": data.roles,
        "definition": _without_folders(data.definition),
    }


def result_facts(results: StudyResults) -> dict[str, Any]:
    """Return all results as plain values; raters by their names of the export, None for what cannot be told."""
    names = anonymous_names(results.data)
    scales = []
    for scale in results.scales:
        facts = asdict(scale)
        facts["raters"] = [{**rater, "rater": names[rater["rater"]]} for rater in facts["raters"]]
        scales.append(facts)
    facts = {
        "scales": scales,
        "missing": results.missing,
        "two_scales": [asdict(pair) for pair in results.two_scales],
        "screening": [asdict(rule) for rule in results.rules],
        "sessions": results.states,
        "devices": results.devices,
        "sources": results.sources,
        "seed": results.seed,
        "versions": results.versions,
    }
    finite: dict[str, Any] = _without_nan(facts)
    return finite


def codebook(data: StudyData, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return what every file and column means, as Markdown."""
    columns = {"ratings": RATING_COLUMNS, "sessions": SESSION_COLUMNS, "stimuli": STIMULUS_COLUMNS}
    lines = [
        f"# Codebook of the study {data.name}",
        "",
        data.title,
        "",
        "Every table is here twice, as CSV (UTF-8) and as Parquet, which keeps the types.",
        "In the CSV a text that a spreadsheet would take for a formula has an apostrophe before it.",
        "`study.json` is what was done, `results.json` every number of the report; null is what could not be told.",
    ]
    for name, table in tables.items():
        lines += ["", f"## {name} ({len(table)} rows)", "", "| column | meaning |", "|---|---|"]
        for column in table.columns:
            rule = f"Whether the session passed the rule {column.removeprefix('passed_')!r}; empty where not judged."
            lines.append(f"| {column} | {columns[name].get(column, rule)} |")
    for scale in data.definition.get("scales", []):
        lines += ["", f"## Scale {scale['name']}", "", str(scale.get("question", "")), ""]
        lines += [f"* {float(value):g}: {label}" for value, label in scale.get("labels", {}).items()]
    return "\n".join(lines) + "\n"


def _minutes(start: pd.Series, end: pd.Series) -> pd.Series:
    spans = pd.to_datetime(end, utc=True) - pd.to_datetime(start, utc=True)
    return (spans.dt.total_seconds() / 60).round(2)


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _without_folders(value: Any) -> Any:
    """Paths of the machine that built the study are nobody's business."""
    if isinstance(value, dict):
        return {key: _without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(inner) for inner in value]
    if isinstance(value, str) and value.startswith(("/", "~", "../")):
        return Path(value).name
    return value


def _without_nan(value: Any) -> Any:
    """Return the value with None for what is no number: NaN and infinity are no JSON."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_json(path: Path, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, indent=1, ensure_ascii=False, default=str, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
