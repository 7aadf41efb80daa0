"""Actions of an admin on a study; each does what the command line does and logs the admin's name."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from undertone.app.asgi.root_path import site_path
from undertone.app.auth.sign_in import Admin
from undertone.app.results.access import NotAllowedError, ResultsAccess
from undertone.engine.files.validation import validate_values
from undertone.engine.files.yaml_text import YamlError, parse_yaml
from undertone.studies.build.lifecycle import make_study, set_status, status_of
from undertone.studies.design import DesignError, StudyFile
from undertone.studies.store import Database

PATH_KEYS = ("folder", "audio", "instruction", "bundle")
Progress = Callable[[int, int, str], None]


def save_draft(access: ResultsAccess, admin: Admin, text: str) -> str:
    """Store a study file that was written on the page; returns what happened.

    Raises:
        DesignError: not a study file, or it asks for files outside the folder for sources.
    """
    try:
        values = parse_yaml(text, "the study file")
    except YamlError as error:
        raise DesignError(str(error)) from error
    if not isinstance(values, dict):
        raise DesignError("the text is empty or no list of keys. Begin with a template.")
    sources = sources_folder(access)
    _check_paths(values, sources)
    study = validate_values(StudyFile, {**values, "folder": str(sources)}, "the study file", DesignError)
    study_id = make_study(access.db, study)
    _log(access.db, "study.drafted", admin, study_id)
    return f"Draft {study.name!r} is saved. Put its sounds under {sources}, then build it."


def sources_folder(access: ResultsAccess) -> Path:
    """Return where studies that are written on the page find their sounds."""
    folder = access.places.data / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build_sounds(access: ResultsAccess, admin: Admin, name: str, progress: Progress) -> str:
    """Render, level and check every sound of a study."""
    from undertone.studies.build.pipeline import build_study

    made = build_study(access.db, name, access.places, progress)
    _log(access.db, "study.built", admin, None, study=name)
    sounds = ", ".join(f"{count} {kind}" for kind, count in sorted(made.stimuli.items()))
    lowered = f" All are {made.lowered_db:.1f} dB lower than asked for." if made.lowered_db else ""
    return f"Built {sounds}: {made.seconds / 60:.1f} min at {made.loudness_lufs:.1f} LUFS.{lowered}"


def change_status(access: ResultsAccess, admin: Admin, name: str, status: Literal["open", "paused", "closed"]) -> str:
    """Open, pause or close a study."""
    set_status(access.db, name, status, access.places, actor=admin.name)
    return {
        "open": f"{name} is open. Raters go to {site_path(status_of(access.db, name).raters_path)}.",
        "paused": f"{name} is paused: nobody new can enter.",
        "closed": f"{name} is closed.",
    }[status]


def make_report(access: ResultsAccess, admin: Admin, name: str) -> Path:
    """Write the report into a folder of its own and return the file; readers may have it too."""
    from undertone.studies.analysis.report import study_report

    path = study_report(access.db, name, access.downloads.new_folder())
    _log(access.db, "study.reported", admin, None, study=name)
    return path


def make_export(access: ResultsAccess, admin: Admin, name: str) -> Path:
    """Write the export into a folder of its own; returns a zip of it."""
    from undertone.studies.analysis.export import export_study

    folder = access.downloads.new_folder()
    done = export_study(access.db, name, folder / f"{name}-export")
    _log(access.db, "study.exported", admin, None, study=name, ratings=done.ratings)
    return Path(shutil.make_archive(str(done.folder), "zip", done.folder))


def make_people(access: ResultsAccess, admin: Admin, name: str) -> Path:
    """Write who took part into a folder of its own and return a zip of it; it is kept apart from the export."""
    from undertone.studies.analysis.people_files import write_people

    folder = write_people(access.db, name, access.downloads.new_folder() / f"{name}-people")
    _log(access.db, "study.people_exported", admin, None, study=name)
    return Path(shutil.make_archive(str(folder), "zip", folder))


def forget_raters(access: ResultsAccess, admin: Admin, name: str, sure: bool) -> str:
    """Delete panel ids, codes and questionnaires of a closed study; its ratings stay.

    Raises:
        NotAllowedError: the box was not ticked.
        StoreError: the study is not closed.
    """
    from undertone.studies.store.forgetting import forget_people

    if not sure:
        raise NotAllowedError("Tick the box first: nobody can be paid by these lists afterwards.")
    done = forget_people(access.db, name, access.places.backups)
    _log(access.db, "study.forgot", admin, None, study=name, people=done.people)
    return f"{done.people} people of {done.sessions} sessions are forgotten, here and in all copies. The ratings stay."


def withdraw_rater(access: ResultsAccess, admin: Admin, name: str, who: str, sure: bool) -> str:
    """Delete everything that a person gave.

    Raises:
        NotAllowedError: the box was not ticked.
        StoreError: nobody, or more than one person, is known by this.
    """
    from undertone.studies.store.withdrawal import find_participant
    from undertone.studies.store.withdrawal import withdraw as take_back

    if not who.strip():
        raise NotAllowedError("Enter the person's panel id, resume code, or id.")
    if not sure:
        raise NotAllowedError("Tick the box first: a withdrawal cannot be undone.")
    done = take_back(access.db, find_participant(access.db, who.strip(), name), access.places.backups)
    _log(access.db, "study.withdrew", admin, None, study=name, ratings=done.ratings)
    return f"{done.ratings} ratings of {done.sessions} sessions are deleted, in the database and in its copies."


def exclude_rater(access: ResultsAccess, admin: Admin, name: str, who: str, reason: str, undo: bool) -> str:
    """Leave a person out of the analysis with a reason, or count them again.

    Raises:
        NotAllowedError: nobody was named.
        StoreError: nobody is known by this, or no reason was given.
    """
    from undertone.studies.analysis.exclusion import find_rater
    from undertone.studies.store.exclusion import exclude, include_again

    if not who.strip():
        raise NotAllowedError("Enter the rater's name from the table of raters (R003), or the panel id.")
    person = find_rater(access.db, name, who)
    if undo:
        include_again(access.db, person, admin.name)
        return f"{who.strip()} counts again."
    exclude(access.db, person, reason, admin.name)
    return f"{who.strip()} is left out of the results. The report names the reason."


def take_snapshot(access: ResultsAccess, admin: Admin) -> str:
    """Copy the whole database into the folder of snapshots."""
    from undertone.studies.store.backup import snapshot

    path = snapshot(access.db, access.places.backups)
    _log(access.db, "store.snapshot", admin, None, file=path.name)
    return f"Snapshot {path.name} is taken and checked."


def restore_copy(access: ResultsAccess, admin: Admin, _: str = "") -> Path:
    """Restore the newest snapshot and the log after it, as a database file that is checked and whole.

    The running database stays as it is; nobody could be signed in to one that is being replaced. A server that is
    started on the file, as `studies.sqlite` of a data folder, goes on from there.

    Raises:
        StoreError: there is no snapshot, or what came back is not the whole.
    """
    from undertone.studies.store import StoreError
    from undertone.studies.store.backup import newest_snapshot
    from undertone.studies.store.restore import restore

    snapshot = newest_snapshot(access.places.backups)
    if snapshot is None:
        raise StoreError("there is no snapshot yet. Take one first.")
    path = access.downloads.new_folder() / "studies.sqlite"
    copy = Database(f"sqlite:///{path}")
    try:
        events = access.places.events
        restored = restore(copy, snapshot, events if events.is_dir() else None)
    finally:
        copy.close()
    _log(access.db, "store.restored_copy", admin, None, snapshot=snapshot.name, lines=restored.lines)
    return path


def _log(db: Database, kind: str, admin: Admin, study_id: str | None, **more: Any) -> None:
    with db.session() as transaction:
        payload = {"by": admin.name, **more}
        db.log(transaction, kind, payload, study_id=study_id, actor="admin", at=datetime.now(UTC))


def _check_paths(value: Any, sources: Path, key: str = "") -> None:
    """Refuse paths that lead out of the folder for sources: the page is no way to read the server's files."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_paths(inner, sources, str(name))
    elif isinstance(value, list):
        for inner in value:
            _check_paths(inner, sources, key)
    elif isinstance(value, str) and key in PATH_KEYS:
        path = Path(value)
        if path.is_absolute() or value.startswith("~") or ".." in path.parts:
            raise DesignError(
                f"{key} is {value!r}; from this page paths must lie under {sources}, without '..'. "
                "Put the files there, or use undertone study build on the command line."
            )
