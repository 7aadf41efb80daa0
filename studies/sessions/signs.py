"""Signs that a program answers instead of a person: noted and shown, never acted on.

None of them proves anything: a screen reader moves no pointer, and a browser may hide that it is driven by a program.
"""

from dataclasses import asdict, dataclass
from typing import Any

from undertone.studies.sessions.session_context import SessionContext

SIGNS = "_signs"  # of a session's answers; keys that begin with "_" are the session's own notes
MOST = 1_000_000
QUICK_SECONDS = 0.15  # from the earliest end of the clips to the next page: nobody answers and goes on so fast


@dataclass(frozen=True)
class PageSigns:
    """What the page saw while one trial was open.

    Attributes:
        inputs: movements of a pointer, touches and keys, by the browser's word made by a person.
        focused: whether the page had the focus at any time.
        driven: whether the browser says that a program drives it.
    """

    inputs: int = 0
    focused: bool = False
    driven: bool = False


def note_signs(context: SessionContext, signs: PageSigns, spare_seconds: float) -> None:
    """Add what was seen during a trial to the session's notes.

    Args:
        context: the session.
        signs: of the page.
        spare_seconds: that the trial took beyond the playing of its clips.
    """
    known = dict(context.session.answers.get(SIGNS, {}))
    found = {
        "trials": 1,
        "without_input": int(signs.inputs == 0),
        "without_focus": int(not signs.focused),
        "driven": int(signs.driven),
        "quick": int(spare_seconds < QUICK_SECONDS),
    }
    noted = {name: min(MOST, int(known.get(name, 0)) + number) for name, number in found.items()}
    context.session.answers = {**context.session.answers, SIGNS: noted}
    context.log("signs", {**asdict(signs), "spare_seconds": round(spare_seconds, 3)}, actor="server")


def signs_in_words(answers: dict[str, Any]) -> tuple[str, ...]:
    """Return the signs of a session in words; nothing where there are none, or where nothing was noted."""
    noted = answers.get(SIGNS)
    if not isinstance(noted, dict) or not noted.get("trials"):
        return ()
    words = {
        "driven": "the browser is driven by a program",
        "without_input": "no pointer, touch or key",
        "without_focus": "the page never had the focus",
        "quick": "gone on at once after the clip",
    }
    trials = int(noted["trials"])
    return tuple(f"{text} ({noted[name]} of {trials} trials)" for name, text in words.items() if noted.get(name))
