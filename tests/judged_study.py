"""A study with simulated ratings in the database, for the tests of results: sessions of every fate, traps, devices."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.simulation.simulate import Design, allocate, draw
from undertone.studies.design import StudyFile
from undertone.studies.store import Database
from undertone.studies.store.tables import (
    Participant,
    Prompt,
    Rating,
    Session,
    Stimulus,
    Study,
    StudyStatus,
    System,
    Trial,
)

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PEOPLE = VarianceComponents.of_deviations(0.5, 0.3, 0.2, 0.2, 0.7)
SYSTEMS = {"ground-truth": "ground_truth", "model-a": "system", "model-b": "system"}
MEANS = {"naturalness": (4.2, 3.4, 2.8), "meaningfulness": (4.3, 3.3, 3.2)}
DESIGN = Design(num_systems=3, num_prompts=10, num_raters=14, trials_per_rater=9)
PANEL_ID = "5f3c0ffee0ddba11"  # of the first person; no report and no export may show it
SECRET_ANSWER = "I live at 12 Elm Street"


def definition(name: str, **more: Any) -> StudyFile:
    values = {
        "name": name,
        "title": "Which model sounds natural?",
        "seed": 5,
        "systems": [
            {"name": system, "role": role, "source": {"kind": "folder", "folder": f"/home/lab/{system}"}}
            for system, role in SYSTEMS.items()
        ],
        "prompts": {"items": [{"name": f"p{n}", "audio": "x.wav"} for n in range(DESIGN.num_prompts)]},
        "scales": list(MEANS),
        "sections": [
            {"kind": "consent", "text": "You agree."},
            {"kind": "rating"},
            {"kind": "debrief", "text": "Bye."},
        ],
        "allocation": {"trials_per_session": DESIGN.trials_per_rater, "raters_per_stimulus": 4},
        "recruitment": "Prolific, United Kingdom, native speakers of English",
        "pay": "£9 an hour",
    }
    return StudyFile.model_validate({**values, **more})


def add_judged_study(
    db: Database, name: str = "judged", status: StudyStatus = "open", design: Design = DESIGN, **more: Any
) -> str:
    """Make the rows of a study with ratings; rater 3 failed the traps, rater 4 is still rating. Returns its id."""
    study = definition(name, **more)
    layout = allocate(design, seed=1)
    random = np.random.default_rng(1)
    values = {scale: draw(layout, np.array(means), PEOPLE, 1, random)[0] for scale, means in MEANS.items()}
    with db.session() as transaction:
        row = Study(
            name=name,
            title=study.title,
            definition=study.model_dump(mode="json"),
            definition_hash=study.hash,
            seed=study.seed,
            status=status,
        )
        transaction.add(row)
        transaction.flush()
        systems = [
            System(study_id=row.id, name=system, role=role, position=position)
            for position, (system, role) in enumerate(SYSTEMS.items())
        ]
        prompts = [Prompt(study_id=row.id, name=f"p{n}", seconds=3.0) for n in range(design.num_prompts)]
        trap = stimulus(row.id, kind="trap", expected={"answers": {"naturalness": {"value": 1, "tolerance": 0}}})
        transaction.add_all([*systems, *prompts, trap])
        transaction.flush()
        clips = {
            (s, p): stimulus(row.id, system_id=system.id, prompt_id=prompt.id, loudness_lufs=-23.0, true_peak_dbtp=-3.0)
            for s, system in enumerate(systems)
            for p, prompt in enumerate(prompts)
        }
        transaction.add_all(clips.values())
        transaction.flush()
        sessions = [add_session(transaction, row.id, number) for number in range(design.num_raters)]
        for number, own in enumerate(sessions):
            add_trial(transaction, own, trap, 50, "trap", {"naturalness": 1.0})
            for index in np.flatnonzero(layout.rater == number):
                clip = clips[int(layout.system[index]), int(layout.prompt[index])]
                given = {scale: float(of_scale[index]) for scale, of_scale in values.items()}
                add_trial(transaction, own, clip, int(layout.position[index]), "main", given)
        add_session(transaction, row.id, 90, state="screened_out", accepted=False)
        db.log(transaction, "study.open", {"by": "ada"}, study_id=row.id, actor="admin", at=NOW)
        return row.id


def stimulus(study_id: str, **more: Any) -> Stimulus:
    return Stimulus(study_id=study_id, path="x.flac", sha256="0" * 64, seconds=13.0, **more)


def add_session(transaction: Any, study_id: str, number: int, **more: Any) -> Session:
    began = NOW + timedelta(minutes=10 * number)
    person = Participant(
        study_id=study_id, source="prolific", external_id=PANEL_ID if number == 0 else f"panel-{number:04d}"
    )
    transaction.add(person)
    transaction.flush()
    fate = {3: ("finished", False), 4: ("rating", None)}.get(number, ("finished", True))
    passed = {"traps": {"passed": number != 3, "effect": "exclude"}, "pace": {"passed": number != 5, "effect": "flag"}}
    values: dict[str, Any] = {
        "state": fate[0],
        "accepted": fate[1],
        "started_at": began,
        "last_seen_at": began,
        "expires_at": began + timedelta(hours=1),
        "ended_at": None if fate[0] == "rating" else began + timedelta(minutes=25),
        "screening": {} if number in (4, 90) else passed,
        "answers": {"about": {"remarks": SECRET_ANSWER}},
        "device": {"kind": "phone" if number % 3 == 0 else "desktop", "browser": "Firefox"},
        "seed": number,
        "resume_code": f"{study_id}-{number}",
    }
    own = Session(study_id=study_id, participant_id=person.id, **{**values, **more})
    transaction.add(own)
    transaction.flush()
    return own


def add_trial(
    transaction: Any, own: Session, clip: Stimulus, position: int, kind: str, given: dict[str, float]
) -> None:
    at = own.started_at + timedelta(minutes=1 + position)
    fields = {"state": "done", "reserved_at": own.started_at, "completed_at": at}
    trial = Trial(session_id=own.id, study_id=own.study_id, stimulus_id=clip.id, position=position, kind=kind, **fields)
    transaction.add(trial)
    transaction.flush()
    for scale, value in given.items():
        rating = {"scale": scale, "scale_hash": "0" * 16, "value": value, "nonce": trial.id, "rated_at": at}
        transaction.add(Rating(session_id=own.id, trial_id=trial.id, **rating))
