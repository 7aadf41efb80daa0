"""A small study of noise bursts for the tests of raters' sessions, put straight into the database."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from undertone.studies.build.known_clips import known_sets
from undertone.studies.build.prepare import RawClip
from undertone.studies.design import StudyFile
from undertone.studies.store import Database
from undertone.studies.store.tables import Prompt, Stimulus, Study, System

SECRET_NAMES = ("zebrafinch", "orangutan", "groundhog")  # of systems: no rater may ever see one
CLIP_SECONDS = 0.4

CONSENT = {"kind": "consent", "text": "You will listen.\n\nYou may stop.", "version": "3"}
ELIGIBILITY = {
    "kind": "eligibility",
    "questions": [{"name": "hearing", "text": "Do you hear well?", "options": ["Yes", "No"], "accept": ["Yes"]}],
}
ABOUT = {
    "kind": "questionnaire",
    "name": "about",
    "title": "About you",
    "questions": [
        {"name": "age", "text": "How old are you?", "kind": "number", "minimum": 18, "maximum": 120, "required": False},
        {"name": "gender", "text": "Your gender?", "options": ["Woman", "Man"], "prefer_not_to_say": True},
        {"name": "devices", "text": "What do you own?", "kind": "several", "options": ["Phone", "Radio"]},
        {"name": "remarks", "text": "Any remarks?", "kind": "text", "required": False},
    ],
}
HEADPHONES = {"kind": "headphones", "trials": 6, "pass_at_least": 5, "required": True}
DEBRIEF = {"kind": "debrief", "text": "Some of it was made by machines."}
FULL_FLOW = (
    CONSENT,
    ELIGIBILITY,
    {"kind": "volume"},
    HEADPHONES,
    {"kind": "training"},
    {"kind": "rating", "text": "Now the clips."},
    {"kind": "break", "after_trials": 2, "seconds": 5},
    ABOUT,
    DEBRIEF,
)
SHORT_FLOW = (CONSENT, {"kind": "rating"}, DEBRIEF)

ANSWER = {"naturalness": {"value": 2, "tolerance": 0}, "meaningfulness": {"value": 2, "tolerance": 0}}
GOLD = {"naturalness": {"value": 5, "tolerance": 1}}


def design(sections: tuple[dict[str, Any], ...] = SHORT_FLOW, prompts: int = 4, **more: Any) -> StudyFile:
    """A study file of three systems; `more` replaces its keys."""
    training = any(section["kind"] == "training" for section in sections)
    known = {"audio": "known.wav", "expected": GOLD}
    values: dict[str, Any] = {
        "name": "secret-study",
        "title": "How does it sound?",
        "seed": 11,
        "systems": [
            {"name": name, "role": role, "source": {"kind": "folder", "folder": name}}
            for name, role in zip(SECRET_NAMES, ("system", "ground_truth", "low_anchor"), strict=True)
        ],
        "prompts": {"items": [{"name": f"prompt{index}", "audio": "x.wav"} for index in range(prompts)]},
        "scales": ["naturalness", "meaningfulness"],
        "sections": list(sections),
        "training": [{**known, "feedback": "This is speech."}] if training else [],
        "golds": [known],
        "traps": [{"audio": "trap.wav", "expected": ANSWER}],
        "allocation": {"trials_per_session": 3, "raters_per_stimulus": 4},
    }
    return StudyFile.model_validate({**values, **more})


def known_stimuli(study: StudyFile) -> list[dict[str, Any]]:
    """The fields of the stimuli with known answers, as the build stores them."""
    if study.trials is None:
        wanted: list[dict[str, Any]] = [{"kind": "trap", "expected": {"answers": ANSWER}} for _ in study.traps]
        wanted += [{"kind": "gold", "expected": {"answers": GOLD}} for _ in study.golds]
        return wanted + [
            {"kind": "training", "expected": {"answers": GOLD, "feedback": item.feedback}} for item in study.training
        ]
    sound = torch.zeros(16_000)
    main = [
        RawClip("main", sound, {}, system.name, item.name) for system in study.systems for item in study.prompts.items
    ]
    return [{"kind": clip.kind, "expected": clip.expected} for clip in known_sets(study, main)]


def add_study(
    db: Database, media: Path, study: StudyFile, status: str = "open", clip_seconds: float = CLIP_SECONDS
) -> str:
    """Make the study's rows and its sounds; returns its id."""
    rng = np.random.default_rng(study.seed)
    with db.session() as transaction:
        row = Study(
            name=study.name,
            title=study.title,
            definition=study.model_dump(mode="json"),
            definition_hash=study.hash,
            seed=study.seed,
            status=status,
        )
        transaction.add(row)
        transaction.flush()
        folder = media / row.id
        folder.mkdir(parents=True)
        systems = [
            System(study_id=row.id, name=system.name, role=system.role, position=position)
            for position, system in enumerate(study.systems)
        ]
        prompts = [Prompt(study_id=row.id, name=item.name, seconds=1.0) for item in study.prompts.items]
        transaction.add_all([*systems, *prompts])
        transaction.flush()
        wanted: list[dict[str, Any]] = [
            {"system_id": system.id, "prompt_id": prompt.id, "kind": "main"} for system in systems for prompt in prompts
        ]
        wanted += known_stimuli(study)
        for fields in wanted:
            stimulus = Stimulus(study_id=row.id, path="", sha256="0" * 64, seconds=clip_seconds, **fields)
            transaction.add(stimulus)
            transaction.flush()
            stimulus.path = f"{stimulus.id}.flac"
            noise = 0.05 * rng.standard_normal(round(clip_seconds * 16_000))
            soundfile.write(folder / stimulus.path, noise, 16_000, format="FLAC", subtype="PCM_16")
        return row.id
