"""A study's people as files: a table of sessions and codes, a table of questionnaires, and what they mean."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from undertone.engine.files.atomic_files import whole_folder
from undertone.studies.analysis.errors import AnalysisError
from undertone.studies.analysis.export import safe_csv
from undertone.studies.analysis.people import PersonSession, people_of
from undertone.studies.store import Database

PEOPLE_COLUMNS = {
    "panel_id": "Id that the panel gave the person; empty for somebody with a plain link.",
    "source": "How the person came: prolific, mturk or link.",
    "completion_code": "Code that the person was shown at the end; empty while the session lasts.",
    "ending": "How the session ended, in words.",
    "state": "Where the session stands: finished, screened_out, timed_out, or where it still is.",
    "accepted": "Whether the session passed screening: True, False, or empty while it is not judged.",
    "failed": "Screening rules that the session failed.",
    "began": "Beginning, UTC.",
    "ended": "End, UTC; empty while it lasts.",
    "minutes": "Minutes from beginning to end.",
    "signs": "Signs of a program instead of a person, in words; no rule acts on them, and none of them proves it.",
}
ANSWER_COLUMNS = {
    "panel_id": PEOPLE_COLUMNS["panel_id"],
    "completion_code": PEOPLE_COLUMNS["completion_code"],
    "section": "Questionnaire.",
    "question": "Name of the question.",
    "text": "Question as it was asked.",
    "answer": "Answer; several choices are parted by a semicolon.",
}


def write_people(db: Database, study_name: str, out: Path) -> Path:
    """Write people, answers, lists for Prolific and `about.md` into a folder, all or none; return the folder.

    Raises:
        AnalysisError: `out` is a file.
        StoreError: there is no study of this name.
    """
    if out.exists() and not out.is_dir():
        raise AnalysisError(f"{out} is a file; give a folder for the list of people.")
    sessions = people_of(db, study_name)
    with whole_folder(out) as folder:
        safe_csv(people_rows(sessions), folder / "people.csv")
        safe_csv(answer_rows(sessions), folder / "answers.csv")
        for name, ids in prolific_lists(sessions).items():
            (folder / name).write_text("".join(f"{one}\n" for one in ids), encoding="utf-8")
        (folder / "about.md").write_text(_about(study_name, sessions), encoding="utf-8")
    return out


def prolific_lists(sessions: Sequence[PersonSession]) -> dict[str, list[str]]:
    """Return the ids of people from Prolific by the file that they go into, each person in one; nothing for no people.

    `prolific-approve.csv` is what Prolific's bulk approval takes: an id on each line. Somebody whose session failed
    screening is in `prolific-review.csv` and not among those to approve: a person decides, not a rule. Who has
    returned the task there is in none: nothing is to be done.
    """
    own = [one for one in sessions if one.source == "prolific" and one.panel_id and one.panel_status != "RETURNED"]
    approved = {str(one.panel_id) for one in own if one.state == "finished" and one.accepted}
    reviewed = {str(one.panel_id) for one in own if one.state == "finished"} - approved
    ended = {state: {str(one.panel_id) for one in own if one.state == state} for state in ("screened_out", "timed_out")}
    screened = ended["screened_out"] - approved - reviewed
    timed = ended["timed_out"] - approved - reviewed - screened
    named = {"approve": approved, "review": reviewed, "screened-out": screened, "timed-out": timed}
    order = dict.fromkeys(str(one.panel_id) for one in own)
    return {f"prolific-{name}.csv": [one for one in order if one in ids] for name, ids in named.items() if ids}


def people_rows(sessions: Sequence[PersonSession]) -> pd.DataFrame:
    """Return a row for each session, columns `PEOPLE_COLUMNS`."""
    rows = [
        (
            own.panel_id or "",
            own.source,
            own.code or "",
            own.ending,
            own.state,
            "" if own.accepted is None else str(own.accepted),
            " ".join(own.failed),
            f"{own.began:%Y-%m-%d %H:%M:%S}",
            "" if own.ended is None else f"{own.ended:%Y-%m-%d %H:%M:%S}",
            "" if own.minutes is None else f"{own.minutes:.1f}",
            "; ".join(own.signs),
        )
        for own in sessions
    ]
    return pd.DataFrame(rows, columns=list(PEOPLE_COLUMNS))


def answer_rows(sessions: Sequence[PersonSession]) -> pd.DataFrame:
    """Return a row for each answer, columns `ANSWER_COLUMNS`."""
    rows = [
        (own.panel_id or "", own.code or "", given.section, given.question, given.text, given.answer)
        for own in sessions
        for given in own.answers
    ]
    return pd.DataFrame(rows, columns=list(ANSWER_COLUMNS))


def _about(study_name: str, sessions: Sequence[PersonSession]) -> str:
    lines = [
        f"# People of the study {study_name}",
        "",
        "This is personal data: who took part, what they were paid for, and what they said about themselves. Keep it",
        "apart from the ratings, whose names for raters are left out here on purpose, and delete it when everybody",
        f"is paid: `undertone study forget {study_name}` deletes it from a closed study, its log, its copies and its",
        "snapshots, and keeps the ratings. People who have withdrawn are not in it.",
    ]
    for name, columns in (("people.csv", PEOPLE_COLUMNS), ("answers.csv", ANSWER_COLUMNS)):
        lines += ["", f"## {name}", "", "| column | meaning |", "|---|---|"]
        lines += [f"| {column} | {meaning} |" for column, meaning in columns.items()]
    lists = prolific_lists(sessions)
    if lists:
        lines += ["", "## Lists for Prolific", "", "An id on each line, each person in one list:", ""]
        lines += [f"* {name}: {len(ids)}" for name, ids in lists.items()]
        lines += ["", "`prolific-approve.csv` is for bulk approval. Look at who is in `prolific-review.csv` before you"]
        lines += ["reject anybody: they finished, and failed a screening rule."]
    return "\n".join([*lines, "", f"{len(sessions)} sessions."]) + "\n"
