"""A preregistration: what a study will do and test, written from its definition before it opens, with a hash."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from undertone.engine.files.atomic_files import whole_file
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.store import Database
from undertone.studies.store.tables import Event, Study

KIND = "study.preregistered"
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Preregistration:
    """What was written before the study opened.

    Attributes:
        hash: SHA-256 of the file.
        at: when it was written.
        unchanged: whether the study's definition is still the one that it was written from.
    """

    hash: str
    at: datetime
    unchanged: bool


def preregister(db: Database, study_name: str, out: Path, by: str) -> str:
    """Write the preregistration of a study that has not been opened, log its hash, and return the hash.

    Args:
        db: holds the study.
        study_name: its name.
        out: the Markdown file to write.
        by: who does it, for the log.
    Raises:
        AnalysisError: there is no such study, or it has been opened: what is written then registers nothing before.
    """
    with db.session() as transaction:
        study = transaction.scalar(select(Study).where(Study.name == study_name))
        if study is None:
            raise AnalysisError(f"there is no study {study_name!r}; `undertone study status` lists them.")
        if study.opened_at is not None:
            raise AnalysisError(
                f"study {study_name!r} was opened on {study.opened_at:%Y-%m-%d %H:%M} UTC. A preregistration is "
                "written before; make a new study to register one."
            )
        text = preregistration_text(dict(study.definition))
        digest = text_hash(text)
        with whole_file(out) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
        db.log(transaction, KIND, {"by": by, "hash": digest}, study_id=study.id, actor="admin")
    return digest


def find_preregistration(transaction: Transaction, study: Study) -> Preregistration | None:
    """Return the last preregistration of a study; None where there is none."""
    query = select(Event).where(Event.study_id == study.id, Event.kind == KIND).order_by(Event.id.desc()).limit(1)
    event = transaction.scalar(query)
    if event is None or "hash" not in event.payload:
        return None
    digest = str(event.payload["hash"])
    return Preregistration(digest, event.at, digest == text_hash(preregistration_text(dict(study.definition))))


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as `sha256sum` prints it for the file."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def preregistration_text(definition: dict[str, Any]) -> str:
    """Return the preregistration as Markdown; the same definition gives the same bytes."""
    plan = definition.get("analysis", {})
    allocation = definition.get("allocation", {})
    contrasts = [
        f"{pair['first']} - {pair['second']} on {pair.get('scale') or 'every scale'}"
        for pair in plan.get("primary_contrasts", [])
    ]
    systems = [f"{system['name']} ({system.get('role', 'system')})" for system in definition.get("systems", [])]
    scales = [
        f"{scale['name']} (version {scale.get('version', 1)}): {scale.get('question', '')} "
        f"[{float(scale.get('minimum', 1)):g} to {float(scale.get('maximum', 5)):g} in steps of "
        f"{float(scale.get('increment', 1)):g}]"
        for scale in definition.get("scales", [])
    ]
    rules = [
        ", ".join(f"{key} {value}" for key, value in sorted(rule.items()))
        for rule in definition.get("screening", {}).get("rules", [])
    ]
    margin = plan.get("equivalence_margin")
    stopping = plan.get("stopping_rule") or (
        f"Every clip has {allocation.get('raters_per_stimulus', '?')} accepted raters, or the study is closed."
    )
    parts = {
        "Hypotheses": [plan.get("hypotheses") or NOT_STATED],
        "Systems": systems,
        "Scales": scales,
        "Design": [
            f"comparison: {definition.get('comparison', 'single')}",
            *(f"{key}: {value}" for key, value in sorted(allocation.items())),
            f"seed: {definition.get('seed', 0)}",
        ],
        "Raters": [
            f"recruitment: {definition.get('recruitment') or NOT_STATED}",
            f"pay: {definition.get('pay') or NOT_STATED}",
        ],
        "Exclusion": rules or ["no rule"],
        "Primary contrasts (Holm among themselves)": contrasts
        or ["none declared: all pairs of systems are one family"],
        "Equivalence margin": [NOT_STATED if margin is None else f"{float(margin):g} points (two one-sided tests)"],
        "Stopping rule": [stopping, _looks(plan)],
        "Analysis": [
            "Means: two-way (rater, prompt) cluster-robust variance, intervals on the logit of the scale.",
            "Differences: within raters and prompts, the same kind of variance, Satterthwaite's degrees of freedom.",
            "All other results are exploration.",
        ],
    }
    lines = [f"# Preregistration of the study {definition.get('name', '')}", "", str(definition.get("title", ""))]
    for title, items in parts.items():
        lines += ["", f"## {title}", "", *(f"* {' '.join(str(item).split())}" for item in items)]
    whole = json.dumps(_without_folders(definition), sort_keys=True, ensure_ascii=False, default=str)
    lines += ["", f"Definition without paths: SHA-256 {text_hash(whole)}"]
    return "\n".join(lines) + "\n"


def _looks(plan: dict[str, Any]) -> str:
    """Return when tests are looked at."""
    shares = ", ".join(f"{share:.0%}" for share in plan.get("looks", ()))
    if not shares:
        return "Tests are hidden until it is reached."
    return (
        f"Tests are looked at when {shares} of the ratings are there and at the end, by O'Brien-Fleming-like spending."
    )


def _without_folders(definition: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key != "folder"}
