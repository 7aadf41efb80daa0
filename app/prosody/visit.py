"""What one visitor has on the Prosody page. Held by gr.State, never shared."""

from dataclasses import dataclass, field
from typing import Literal

from app.handover import HandedTake
from app.prosody.arrangement import Arrangement
from app.prosody.bench import Bench
from app.visit import ClipHolder, Run, Visitor
from engine.prosody import EditedTake, ProsodySettings

MOST_TAKES = 8
Kind = Literal["analyse", "render", "draft", "audition", "draw", "second", "continue"]


@dataclass(frozen=True)
class Task:
    """What a run is for.

    Attributes:
        arrangement: that is wanted; None: what the bench shows.
        token: of the browser's request.
        card: whose three sounds are wanted.
    """

    kind: Kind
    run: Run
    arrangement: Arrangement | None = None
    token: int = 0
    card: str = ""


@dataclass
class ProsodyVisit(Visitor):
    """A visitor of the Prosody page.

    Attributes:
        handed: a take that came from the Continue page.
        wanted: saved settings, until the recordings they need are there.
        takes: that go on from edited speech, the newest last.
    """

    source: ClipHolder = field(default_factory=ClipHolder)
    second: ClipHolder = field(default_factory=ClipHolder)
    bench: Bench | None = None
    task: Task | None = None
    handed: HandedTake | None = None
    wanted: ProsodySettings | None = None
    takes: list[EditedTake] = field(default_factory=list)
    serial: int = 0  # of what was sent to the browser, which leaves out what it has

    def start(self, kind: Kind, arrangement: Arrangement | None = None, token: int = 0, card: str = "") -> None:
        """Begin a run; the one before is told to stop."""
        self.task = Task(kind, self.begin(), arrangement, token, card)

    def taken(self, kind: Kind) -> Task | None:
        """The task, if it is still the one that is wanted."""
        task = self.task
        return task if task is not None and task.kind == kind and not task.run.stop.is_set() else None

    def next_serial(self) -> int:
        """Counts up."""
        self.serial += 1
        return self.serial

    def put(self, bench: Bench) -> None:
        """Work on something else."""
        self.bench, self.takes, self.blind = bench, [], None

    def keep(self, take: EditedTake) -> None:
        """One more take; the oldest goes when there are too many."""
        self.takes = [*self.takes, take][-MOST_TAKES:]

    def close(self) -> None:
        """Forget everything and remove the files."""
        super().close()
        self.source.load(None)
        self.second.load(None)
        self.bench = self.task = self.handed = self.wanted = self.blind = None
        self.takes = []
