"""The state of one visitor of the Prosody page. Held by gr.State, never shared."""

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import Tensor

from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.shared.handover import HandedTake
from undertone.app.shared.playback import write_playback
from undertone.app.shared.visitor import ClipHolder, Run, Visitor
from undertone.app.shared.widgets import Note
from undertone.engine import Cancelled
from undertone.engine.prosody import EditedTake, ProsodySettings, Rendering

MOST_TAKES = 8
Kind = Literal["analyse", "render", "draft", "audition", "draw", "second", "continue"]


@dataclass(frozen=True)
class Task:
    """The work that a press asked for.

    Attributes:
        edit_state: that is to be rendered, or that the work begins from; None before there is a session.
        token: of the browser's request.
        card: id of the card whose three sounds are wanted.
    """

    kind: Kind
    run: Run
    edit_state: EditState | None = None
    token: int = 0
    card: str = ""

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Cancelled: the visitor wishes no more.
        """
        if self.run.stop.is_set():
            raise Cancelled


@dataclass
class ProsodyVisit(Visitor):
    """A visitor of the Prosody page.

    Attributes:
        handed_take: a take that came from the Continue page.
        saved_settings: that were loaded, until the recordings they need are there.
        takes: continuations of edited speech, the newest last.
        serial: of what was sent to the browser last, which leaves out what it has.
        sequence: of the newest step of the sliders that was received; older ones come too late.
        last_note: what the status bar said last, which stays until the next task.
        is_source_sent: whether the browser has the session's recording and its reconstruction.
        sound_state: the edit state that the browser's player has at full quality; None after a draft.
        picture_state: the edit state that the browser's figure, numbers and files belong to.
        lock: held while an answer is made, as presses are answered side by side.
    """

    source: ClipHolder = field(default_factory=ClipHolder)
    second: ClipHolder = field(default_factory=ClipHolder)
    editing: EditingSession | None = None
    task: Task | None = None
    handed_take: HandedTake | None = None
    saved_settings: ProsodySettings | None = None
    takes: list[EditedTake] = field(default_factory=list)
    serial: int = 0
    sequence: int = 0
    last_note: Note | None = None
    is_source_sent: bool = False
    sound_state: EditState | None = None
    picture_state: EditState | None = None

    def __post_init__(self) -> None:
        self.lock = threading.RLock()  # no field: Gradio copies the fields of a state's first value

    def start(self, kind: Kind, edit_state: EditState | None = None, token: int = 0, card: str = "") -> None:
        """Begin a task; the one before is told to stop."""
        with self.lock:
            self.last_note = None
            self.task = Task(kind, self.begin(), edit_state, token, card)

    def current_task(self, kind: Kind) -> Task | None:
        """Return the task, if it is of this kind and still wanted."""
        task = self.task
        return task if task is not None and task.kind == kind and not task.run.stop.is_set() else None

    @property
    def is_busy(self) -> bool:
        """Return whether a task waits or works."""
        task = self.task
        return task is not None and not task.run.stop.is_set()

    def return_to_shown(self, note: Note | None) -> None:
        """Take the history back to the edit state that is heard and seen, and keep the note that says why."""
        with self.lock:
            self.last_note = note
            if self.editing is not None:
                self.editing.history.return_to(self.editing.shown)

    def next_serial(self) -> int:
        """Return the number of the next value that is sent."""
        self.serial += 1
        return self.serial

    def open(self, editing: EditingSession) -> None:
        """Work on another editing session."""
        editing.number = self.next_serial()
        self.editing, self.takes, self.blind = editing, [], None
        self.is_source_sent, self.sound_state, self.picture_state = False, None, None

    def add_take(self, take: EditedTake) -> None:
        """Add a take; the oldest goes when there are more than `MOST_TAKES`."""
        self.takes = [*self.takes, take][-MOST_TAKES:]

    def write_playback(self, audio: Tensor) -> Path:
        """Write [samples] at 16 kHz as a 16-bit wav file, which every browser plays; return its path."""
        path = self.folder / f"playback-{hashlib.sha256(audio.numpy().tobytes()).hexdigest()[:16]}.wav"
        if not path.is_file():
            write_playback(path, audio)
        return path

    def save(self, made: Rendering | EditedTake) -> tuple[Path, Path]:
        """Write the lossless sound and the settings that make it again; return both paths, which name the settings."""
        settings = made.settings if isinstance(made, Rendering) else made.prosody
        digest = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:8]
        kind = "prosody" if isinstance(made, Rendering) else "continued"
        return made.save(self.folder, f"undertone-{kind}-{digest}")

    def close(self) -> None:
        """Forget everything and remove the files."""
        super().close()
        self.source.load(None)
        self.second.load(None)
        self.editing = self.task = self.handed_take = self.saved_settings = self.blind = None
        self.takes = []
