"""A study's sounds, made and stored: rendered where needed, prepared, checked, and named by opaque ids.

Safe to interrupt and to repeat: renderings are kept, and the database changes in one transaction at the end.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Transaction

from undertone.engine import CallProgress
from undertone.studies.build.clips import make_clips, presented_systems
from undertone.studies.build.prepare import PreparedClip, prepare_clips
from undertone.studies.build.recordings import Recording, read_recordings
from undertone.studies.build.render import ClipRenderer
from undertone.studies.design.errors import DesignError
from undertone.studies.design.study_file import StudyFile, study_from_json
from undertone.studies.store import Database, StorageLocations
from undertone.studies.store.columns import new_id
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Prompt, Session, Stimulus, Study, System

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildResult:
    """Counts and loudness of a build."""

    study: str  # name
    rendered: int  # clips that were not kept from an earlier build
    stimuli: dict[str, int]  # by kind
    seconds: float  # of sound
    loudness_lufs: float
    lowered_db: float  # below what the study file asked for
    lowered_for: str | None  # the clip that made it necessary


def build_study(
    db: Database,
    name: str,
    places: StorageLocations,
    progress: CallProgress = CallProgress(),
    device: str = "auto",
    workers: int = 1,
) -> BuildResult:
    """Make and store every sound of a study that nobody has heard yet.

    Args:
        progress: told the clips done and in all.
        device: for bundles: "auto", "cpu" or "cuda".
        workers: processes that make the takes of bundles; 1 is this one.
    Raises:
        DesignError: the study has begun, or a sound cannot be made or fails its check; it names the sound.
    """
    study_id, study = _load_buildable(db, name)
    recordings = read_recordings(study)
    renderer = ClipRenderer(study, recordings, places.data / "renderings", device)
    renderer.make_takes(workers, progress)
    clips = make_clips(study, renderer, recordings, progress)
    prepared, target = prepare_clips(clips, study.preparation)
    folder = places.media_of(study_id)
    folder.mkdir(parents=True, exist_ok=True)
    for one in prepared:
        (folder / _file_name(one, study)).write_bytes(one.data)
    built = BuildResult(
        study=name,
        rendered=renderer.rendered,
        stimuli={kind: sum(one.clip.kind == kind for one in prepared) for kind in {one.clip.kind for one in prepared}},
        seconds=sum(one.seconds for one in prepared),
        loudness_lufs=target.loudness_lufs,
        lowered_db=target.lowered_db,
        lowered_for=target.because_of,
    )
    with db.session() as session:
        _store(session, session.get_one(Study, study_id), study, recordings, prepared)
        payload = {"stimuli": built.stimuli, "loudness_lufs": built.loudness_lufs, "lowered_db": built.lowered_db}
        db.log(session, "study.built", payload, study_id=study_id, actor="admin")
    _remove_others(folder, {_file_name(one, study) for one in prepared})
    return built


def _load_buildable(db: Database, name: str) -> tuple[str, StudyFile]:
    with db.reading() as session:
        found = find_study(session, name)
        begun = session.scalar(select(func.count()).select_from(Session).where(Session.study_id == found.id))
        if begun or found.status not in ("draft", "built"):
            raise DesignError(
                f"study {name!r} is {found.status} and has {begun} sessions: its sounds can no longer change. "
                "Make a study of another name."
            )
        return found.id, study_from_json(dict(found.definition))


def _store(
    session: Transaction, row: Study, study: StudyFile, recordings: list[Recording], prepared: list[PreparedClip]
) -> None:
    for table in (Stimulus, System, Prompt):
        session.execute(delete(table).where(table.study_id == row.id))
    systems = {
        item["name"]: System(id=new_id(), study_id=row.id, position=position, **item)
        for position, item in enumerate(presented_systems(study))
    }
    prompts = {
        recording.name: Prompt(
            id=new_id(),
            study_id=row.id,
            name=recording.name,
            seconds=recording.prompt_seconds,
            definition={"file": recording.path.name, "start_seconds": recording.start_seconds},
        )
        for recording in recordings
    }
    session.add_all([*systems.values(), *prompts.values()])
    session.flush()
    for one in prepared:
        clip = one.clip
        stimulus = Stimulus(
            id=one.id,
            study_id=row.id,
            system_id=systems[clip.system].id if clip.system else None,
            prompt_id=prompts[clip.prompt].id if clip.prompt else None,
            kind=clip.kind,
            path=_file_name(one, study),
            sha256=one.sha256,
            seconds=one.seconds,
            loudness_lufs=round(one.level.loudness_lufs, 3),
            true_peak_dbtp=round(one.level.true_peak_dbtp, 3),
            expected=clip.expected,
            provenance=clip.provenance,
        )
        session.add(stimulus)
    row.status = "built"


def _file_name(one: PreparedClip, study: StudyFile) -> str:
    return f"{one.id}.{study.preparation.format}"


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove the sounds of an earlier build."""
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
