"""What one visitor has on the Prosody page. Held by gr.State, never shared."""

import threading
from dataclasses import dataclass, field
from typing import Literal

from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.shared.handover import HandedTake
from undertone.app.shared.visitor import ClipHolder, Run, Visitor
from undertone.app.shared.widgets import Note
from undertone.engine.prosody import EditedTake, ProsodySettings

MOST_TAKES = 8
Kind = Literal["analyse", "render", "draft", "audition", "draw", "second", "continue"]


@dataclass(frozen=True)
class Task:
    """What a run is for.

    Attributes:
        edit_state: that is wanted; None: what the bench shows.
        token: of the browser's request.
        card: whose three sounds are wanted.
    """

    kind: Kind
    run: Run
    edit_state: EditState | None = None
    token: int = 0
    card: str = ""


@dataclass
class ProsodyVisit(Visitor):
    """A visitor of the Prosody page.

    Attributes:
        handed: a take that came from the Continue page.
        wanted: saved settings, until the recordings they need are there.
        takes: that go on from edited speech, the newest last.
        sequence: of the newest step of the sliders that has been heard of; older ones come too late.
        said: the last note, which stays until the next run.
        is_shown: whether the browser has the sounds of the bench.
        heard: the arrangement that the browser's player has at full quality; None after a draft.
        seen: the arrangement that the browser's figure, numbers and files belong to.
        lock: held while an answer is made, as quick steps are answered side by side.
    """

    source: ClipHolder = field(default_factory=ClipHolder)
    second: ClipHolder = field(default_factory=ClipHolder)
    editing: EditingSession | None = None
    task: Task | None = None
    handed: HandedTake | None = None
    wanted: ProsodySettings | None = None
    takes: list[EditedTake] = field(default_factory=list)
    serial: int = 0  # of what was sent to the browser, which leaves out what it has
    sequence: int = 0
    said: Note | None = None
    is_shown: bool = False
    heard: EditState | None = None
    seen: EditState | None = None

    def __post_init__(self) -> None:
        self.lock = threading.RLock()  # no field: Gradio copies the fields of a state's first value

    def start(self, kind: Kind, edit_state: EditState | None = None, token: int = 0, card: str = "") -> None:
        """Begin a run; the one before is told to stop."""
        with self.lock:
            self.said = None
            self.task = Task(kind, self.begin(), edit_state, token, card)

    def taken(self, kind: Kind) -> Task | None:
        """Return the task, if it is still the one that is wanted."""
        task = self.task
        return task if task is not None and task.kind == kind and not task.run.stop.is_set() else None

    @property
    def under_way(self) -> bool:
        """Return whether a task waits or works."""
        task = self.task
        return task is not None and not task.run.stop.is_set()

    def rest(self, note: Note | None) -> None:
        """Give the task up: the arrangement goes back to what is heard and seen."""
        with self.lock:
            self.said = note
            if self.editing is not None:
                self.editing.history.return_to(self.editing.shown)

    def next_serial(self) -> int:
        """Counts up."""
        self.serial += 1
        return self.serial

    def put(self, editing: EditingSession) -> None:
        """Work on something else."""
        editing.number = self.next_serial()
        self.editing, self.takes, self.blind = editing, [], None
        self.is_shown, self.heard, self.seen = False, None, None

    def keep(self, take: EditedTake) -> None:
        """Keep one more take; the oldest goes when there are too many."""
        self.takes = [*self.takes, take][-MOST_TAKES:]

    def close(self) -> None:
        """Forget everything and remove the files."""
        super().close()
        self.source.load(None)
        self.second.load(None)
        self.editing = self.task = self.handed = self.wanted = self.blind = None
        self.takes = []
