"""A table of ratings as a closed study: its own people, sessions, clips without sounds, trials and answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from undertone.engine.files.validation import read_json, validate_values
from undertone.studies.design.analysis_plan import AnalysisPlan
from undertone.studies.design.kinds import Trials
from undertone.studies.design.scales import NOT_ASKED_HERE, SCALES, Scale
from undertone.studies.design.sections import Section
from undertone.studies.design.storable import find_unstorable
from undertone.studies.importing.layouts import SHOWN, ImportProblem, RatingRow, Table
from undertone.studies.store import Database
from undertone.studies.store.columns import new_id, utc_now
from undertone.studies.store.tables import Participant, Prompt, Rating, Role, Session, Stimulus, Study, System, Trial

ROLES: dict[str, Role] = {
    **dict.fromkeys(("reference", "ground-truth", "ground_truth", "groundtruth", "gt", "natural"), "ground_truth"),
    **dict.fromkeys(("anchor", "anchor35", "anchor70", "low-anchor", "low_anchor"), "low_anchor"),
}
MOST_STEPS = 1000


@dataclass(frozen=True)
class Imported:
    """What was stored, and what a reader of the results should know of it."""

    name: str
    layout: str
    ratings: int
    raters: int
    systems: int
    prompts: int
    scales: tuple[str, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]


def import_ratings(
    db: Database, table: Table, name: str, title: str = "", skip_bad_rows: bool = False, now: datetime | None = None
) -> Imported:
    """Store a table as a closed study; all of it or nothing.

    Args:
        name: of the study, a slug that no other study has.
        skip_bad_rows: leave out the rows that cannot be used, instead of refusing the table.
    Raises:
        ImportProblem: rows cannot be used, nothing is left, or the name is taken.
    """
    if table.bad and not skip_bad_rows:
        more = f" and {len(table.bad) - SHOWN} more" if len(table.bad) > SHOWN else ""
        raise ImportProblem(
            f"{len(table.bad)} rows of {table.path} cannot be used: {'; '.join(table.bad[:SHOWN])}{more}. Correct "
            "them, or import the others with --skip-bad-rows."
        )
    if not table.rows:
        raise ImportProblem(f"{table.path} has no ratings that can be used.")
    now = now or utc_now()
    known = _study_facts(table)
    definition = known.get("definition") or {}
    by_name = {name: _scale(name, table.rows, definition) for name in dict.fromkeys(row.scale for row in table.rows)}
    scales = list(by_name.values())
    if len({scale["name"] for scale in scales}) < len(scales):
        raise ImportProblem(f"the scales {sorted(by_name)} differ by signs only. Rename them.")
    roles: dict[str, Role] = {**ROLES, **known.get("roles", {})}
    with db.session() as transaction:
        if transaction.scalar(select(Study.id).where(Study.name == name)):
            raise ImportProblem(f"there is a study {name!r} already. Choose another name with --name.")
        study = Study(
            name=name,
            title=title or known.get("title") or name,
            definition=_definition(name, title, table, scales, definition),
            definition_hash="",
            seed=int(known.get("seed", 0)),
            status="closed",
            created_at=now,
            closed_at=now,
        )
        transaction.add(study)
        transaction.flush()
        writer = _Writer(study.id, now, by_name, roles, definition.get("systems") or [])
        transaction.add_all(writer.systems_and_prompts(table.rows))
        transaction.flush()
        for rows in writer.layers(table.rows):
            transaction.add_all(rows)
            transaction.flush()
        payload = {"layout": table.layout, "ratings": len(table.rows), "file": table.path.name}
        db.log(transaction, "study.imported", payload, study_id=study.id, actor="admin", at=now)
    return Imported(
        name=name,
        layout=table.layout,
        ratings=len(table.rows),
        raters=len({row.rater for row in table.rows}),
        systems=len({row.system for row in table.rows if row.system}),
        prompts=len({row.prompt for row in table.rows if row.prompt}),
        scales=tuple(scale["name"] for scale in scales),
        skipped=table.bad,
        notes=tuple(_notes(table)),
    )


class _Writer:
    """Turns rows into the rows of the database."""

    def __init__(
        self,
        study_id: str,
        now: datetime,
        scales: dict[str, dict[str, Any]],
        roles: dict[str, Role],
        listed: Sequence[dict[str, Any]],
    ) -> None:
        self.study_id = study_id
        self.now = now
        self.roles = roles
        self.listed = [str(system.get("name")) for system in listed]
        # An A/B study of ours has a system for each ordered pair, named as the build names them.
        self.pairs = {f"{a}-then-{b}": {"first": a, "second": b} for a, b in permutations(self.listed, 2)}
        self.scales = {name: Scale.model_validate(scale) for name, scale in scales.items()}
        self.systems: dict[str, System] = {}
        self.prompts: dict[str, Prompt] = {}

    def systems_and_prompts(self, rows: Sequence[RatingRow]) -> list[Any]:
        names = list(dict.fromkeys(row.system for row in rows if row.system))
        names.sort(key=lambda name: self.listed.index(name) if name in self.listed else len(self.listed))
        for position, name in enumerate(names):
            role = self.roles.get(name) or self.roles.get(name.lower(), "system")
            self.systems[name] = System(
                id=new_id(),
                study_id=self.study_id,
                name=name,
                role=role,
                position=position,
                definition=self.pairs.get(name, {}),
            )
        for name in dict.fromkeys(row.prompt for row in rows if row.prompt):
            self.prompts[name] = Prompt(id=new_id(), study_id=self.study_id, name=name, seconds=0.0)
        return [*self.systems.values(), *self.prompts.values()]

    def layers(self, rows: Sequence[RatingRow]) -> list[list[Any]]:
        """Return everything else, what is referred to before what refers to it."""
        people = {name: Participant(id=new_id(), study_id=self.study_id) for name in {row.rater: 0 for row in rows}}
        stimuli: dict[tuple[str, ...], Stimulus] = {}
        sessions: dict[tuple[str, str], Session] = {}
        trials: dict[tuple[str, ...], Trial] = {}
        ratings: list[Rating] = []
        given: dict[tuple[str, ...], int] = {}
        counts: dict[str, int] = {}
        more: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows:
            own = (row.own.get("session", ""), row.own.get("stimulus", ""))
            key = (row.rater, *own, row.system, row.prompt, row.scale)
            given[key] = given.get(key, 0) + 1  # the same clip again: in a session of its own
            whose = (row.rater, f"{row.own.get('session', '')}:{given[key]}")
            if whose not in sessions:
                sessions[whose] = self._session(people[row.rater], row)
            session = sessions[whose]
            kind = row.own.get("kind") or "main"
            clip = (row.system, row.prompt, kind, "" if kind == "main" else row.own.get("stimulus", ""))
            if clip not in stimuli:
                stimuli[clip] = self._stimulus(row.system, row.prompt, kind)
            stimulus = stimuli[clip]
            place = (session.id, *clip)
            if place not in trials:
                trials[place] = self._trial(session, stimulus, row, counts.get(session.id, 0))
                counts[session.id] = counts.get(session.id, 0) + 1
            if row.more:
                more.setdefault(whose, []).append({"line": row.line, **row.more})
            ratings.append(
                Rating(
                    session_id=session.id,
                    trial_id=trials[place].id,
                    scale=self.scales[row.scale].name,
                    scale_hash=self.scales[row.scale].hash,
                    value=row.score,
                    nonce=f"line {row.line}",
                    rated_at=self.now,
                )
            )
        for whose, columns in more.items():
            sessions[whose].answers = {"_imported": columns}
        return [[*people.values()], [*stimuli.values()], [*sessions.values()], [*trials.values()], [*ratings]]

    def _session(self, person: Participant, row: RatingRow) -> Session:
        verdicts: dict[str, bool | None] = {"False": False, "": True if "accepted" not in row.own else None}
        return Session(
            id=new_id(),
            study_id=self.study_id,
            participant_id=person.id,
            state="finished",
            started_at=self.now,
            last_seen_at=self.now,
            expires_at=self.now,
            ended_at=self.now,
            accepted=verdicts.get(row.own.get("accepted", ""), True),
            answers={},
            device={"kind": row.own["device"]} if row.own.get("device") else {},
            seed=0,
            resume_code=new_id(),
        )

    def _stimulus(self, system: str, prompt: str, kind: str) -> Stimulus:
        if kind not in ("main", "training", "trap", "gold"):
            raise ImportProblem(f"kind is {kind!r}; expected main, training, trap or gold.")
        return Stimulus(
            id=new_id(),
            study_id=self.study_id,
            system_id=self.systems[system].id if system in self.systems else None,
            prompt_id=self.prompts[prompt].id if prompt in self.prompts else None,
            kind=kind,
            path="",
            sha256="",
            seconds=0.0,
        )

    def _trial(self, session: Session, stimulus: Stimulus, row: RatingRow, position: int) -> Trial:
        page = row.own.get("page", "")
        return Trial(
            id=new_id(),
            session_id=session.id,
            study_id=self.study_id,
            stimulus_id=stimulus.id,
            position=position,
            page=int(float(page)) if page else None,
            kind=stimulus.kind,
            state="done",
            reserved_at=self.now,
            completed_at=self.now,
        )


class _Definition(BaseModel):
    """The parts of a study's definition that an analysis reads; what else there is, is kept as it is."""

    model_config = ConfigDict(extra="allow")

    systems: tuple[dict[str, Any], ...] = ()
    scales: tuple[dict[str, Any], ...] = ()
    sections: tuple[Section, ...] = ()
    trials: Trials | None = None
    analysis: AnalysisPlan = AnalysisPlan()


class _StudyFacts(BaseModel):
    """The parts of `study.json` that an import uses."""

    model_config = ConfigDict(extra="allow")

    title: str = ""
    seed: int = 0
    roles: dict[str, Role] = {}
    definition: _Definition = _Definition()


def _study_facts(table: Table) -> dict[str, Any]:
    """Return `study.json` of our own export, where it lies beside the table.

    Raises:
        ImportProblem: it is no description of a study.
    """
    beside = table.path.with_name("study.json")
    if table.layout != "export" or not beside.is_file():
        return {}
    try:
        facts = read_json(beside, "the description of an exported study", ImportProblem)
        validate_values(_StudyFacts, facts, str(beside), ImportProblem)
        if find_unstorable(facts) is not None:
            raise ImportProblem(f"{beside} has what no database keeps.")
    except ImportProblem as error:
        raise ImportProblem(f"{error} Move it away to import the ratings alone.") from error
    return facts


def _definition(
    name: str, title: str, table: Table, scales: list[dict[str, Any]], known: dict[str, Any]
) -> dict[str, Any]:
    per_rater = len(table.rows) / len({(row.rater, row.scale) for row in table.rows})
    if table.layout == "webmushra":
        known = {"trials": {"kind": "mushra"}, **known}
    return {
        "recruitment": "",
        "pay": "",
        **known,
        "name": name,
        "title": title or known.get("title") or name,
        "scales": scales,
        "allocation": {"trials_per_session": max(1, round(per_rater)), "raters_per_stimulus": 1},
        "provenance": {"imported": {"file": table.path.name, "layout": table.layout, "rows": len(table.rows)}},
    }


def _scale(name: str, rows: Sequence[RatingRow], known: dict[str, Any]) -> dict[str, Any]:
    """Return the scale as the export has it, else with the ends that its scores point to and no claim of a wording."""
    listed = [scale for scale in known.get("scales", []) if isinstance(scale, dict) and scale.get("name") == name]
    if listed:
        return Scale.model_validate(listed[0]).model_dump(mode="json")
    scores = {row.score for row in rows if row.scale == name}
    low, high = _ends(min(scores), max(scores))
    step = next((one for one in (1.0, 0.5, 0.25, 0.1) if all(_is_step(score - low, one) for score in scores)), 0.0)
    if not step or (high - low) / step > MOST_STEPS:
        step = (high - low) / MOST_STEPS
    slug = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name.lower()).strip("-_")
    title = SCALES[name].title if name in SCALES else name
    labels = {low: f"{low:g}", high: f"{high:g}"}
    scale = Scale(
        name=slug[:60] or "score",
        title=title,
        question=NOT_ASKED_HERE,
        labels=labels,
        minimum=low,
        maximum=high,
        increment=step,
    )
    return scale.model_dump(mode="json")


def _ends(least: float, most: float) -> tuple[float, float]:
    """Return the ends of the usual scale that holds all the scores, else of the scores."""
    for low, high in ((1.0, 5.0), (-1.0, 1.0), (-2.0, 2.0), (-3.0, 3.0), (0.0, 10.0), (0.0, 100.0)):
        if low <= least and most <= high:
            return low, high
    return (least, most) if least < most else (least, least + 1.0)


def _is_step(distance: float, step: float) -> bool:
    return abs(distance / step - round(distance / step)) < 1e-9


def _notes(table: Table) -> list[str]:
    """Return what makes these ratings other than those of a study of ours."""
    notes = []
    systems_of: dict[str, set[str]] = {}
    clips: dict[tuple[str, str, str, str], int] = {}
    for row in table.rows:
        if not row.system:
            continue
        systems_of.setdefault(row.rater, set()).add(row.system)
        clip = (row.rater, row.system, row.prompt, row.scale)
        clips[clip] = clips.get(clip, 0) + 1
    if len({row.system for row in table.rows}) > 1 and all(len(systems) == 1 for systems in systems_of.values()):
        notes.append("every rater judged one system only: systems differ by their raters too, and differences are wide")
    repeated = sum(count > 1 for count in clips.values())
    if repeated:
        notes.append(f"{repeated} clips were rated by the same rater on the same scale more than once: all are kept")
    if table.empty:
        notes.append(f"{table.empty} cells have no score: these ratings are missing")
    return notes


def default_name(path: Path) -> str:
    """Return a name for a study from that of its file."""
    stem = path.stem if path.stem != "ratings" else path.resolve().parent.name
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem.lower())
    return letters.strip("-")[:60] or f"imported-{datetime.now(UTC):%Y%m%d}"
