"""A small study in the database: systems, prompts, stimuli, and a rater with a plan."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from undertone.studies.store import Database
from undertone.studies.store.tables import Participant, Prompt, Rating, Session, Stimulus, Study, System, Trial

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Sample:
    """Ids of what was made."""

    study: str
    participant: str
    session: str
    trials: list[str]


def make_study(db: Database, name: str = "sample", stimuli: int = 6) -> tuple[str, list[str]]:
    """A study with one system and as many prompts as stimuli; returns its id and the stimuli's."""
    with db.session() as session:
        study = Study(name=name, title="A study", definition={"name": name}, definition_hash="0" * 64, seed=7)
        session.add(study)
        session.flush()
        system = System(study_id=study.id, name="model", position=0)
        prompts = [Prompt(study_id=study.id, name=f"p{index}", seconds=3.0) for index in range(stimuli)]
        session.add_all([system, *prompts])
        session.flush()
        made = [
            Stimulus(
                study_id=study.id,
                system_id=system.id,
                prompt_id=prompt.id,
                path="x.flac",
                sha256="0" * 64,
                seconds=13.0,
                loudness_lufs=-23.0,
                true_peak_dbtp=-3.0,
            )
            for prompt in prompts
        ]
        session.add_all(made)
        db.log(session, "study.made", {"name": name}, study_id=study.id, actor="admin")
        session.flush()
        return study.id, [stimulus.id for stimulus in made]


def make_rater(db: Database, study: str, stimuli: list[str], external_id: str = "PANEL-0001", code: str = "") -> Sample:
    """A person in the middle of a session, with one reserved trial for each stimulus."""
    with db.session() as session:
        person = Participant(study_id=study, source="prolific", external_id=external_id)
        session.add(person)
        session.flush()
        own = Session(
            study_id=study,
            participant_id=person.id,
            state="rating",
            expires_at=NOW + timedelta(hours=1),
            answers={"about-you": {"age": "25-34"}},
            device={"kind": "phone", "browser": "Firefox"},
            seed=5,
            resume_code=code or f"code-{external_id}",
        )
        session.add(own)
        session.flush()
        trials = [
            Trial(session_id=own.id, study_id=study, stimulus_id=stimulus, position=position)
            for position, stimulus in enumerate(stimuli)
        ]
        session.add_all(trials)
        db.log(session, "session.started", {"panel": external_id}, study_id=study, session_id=own.id, actor="rater")
        session.flush()
        return Sample(study, person.id, own.id, [trial.id for trial in trials])


def rate(db: Database, sample: Sample, trial: str, value: float, scale: str = "naturalness", nonce: str = "n") -> None:
    """One rating and its event in one transaction."""
    with db.session() as session:
        session.add(
            Rating(session_id=sample.session, trial_id=trial, scale=scale, scale_hash="h", value=value, nonce=nonce)
        )
        payload = {"trial": trial, "scale": scale, "value": value}
        db.log(session, "rated", payload, study_id=sample.study, session_id=sample.session, actor="rater")
