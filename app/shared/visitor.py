"""What one visitor has on a page: clips, the run under way, takes. Held by gr.State, never shared."""

import secrets
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

from torch import Tensor

from undertone.app.shared.blind_pair import BlindPair
from undertone.app.shared.handover import HandedTake
from undertone.app.shared.runs import RUNS
from undertone.engine import AudioError, AudioLimits, Take, TakeSettings, UndertoneError, read_audio
from undertone.engine.audio.reading import cut

DECODERS = threading.BoundedSemaphore(2)  # files being decoded at once: each takes up to 100 MB while it is
DECODER_SECONDS = 30.0
UPLOAD_LIMITS = AudioLimits(max_file_seconds=180.0)  # a visitor's clip stays in memory while the page is open


class VisitError(UndertoneError):
    """Something is asked of a visit that is over."""


@dataclass(frozen=True)
class PromptClip:
    """The visitor's recording as it was read, before any cut."""

    waveform: Tensor  # [samples] mono
    sample_rate_hz: int

    @classmethod
    def read(cls, path: str) -> "PromptClip":
        """Read a file that the visitor recorded or uploaded. Raises AudioError, which never names the path."""
        if not DECODERS.acquire(timeout=DECODER_SECONDS):
            raise AudioError("too many clips are being read just now. Choose it again in a minute.")
        try:
            with _opened(path) as file:
                return cls(*read_audio(file, UPLOAD_LIMITS))
        finally:
            DECODERS.release()

    @property
    def seconds(self) -> float:
        return len(self.waveform) / self.sample_rate_hz

    def cut(self, start: float, length: float) -> Tensor:
        """Return [samples] between two times, at the clip's own rate. Raises AudioError."""
        return cut(self.waveform, self.sample_rate_hz, start, start + length)


def _opened(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except (OSError, ValueError):  # ValueError: a null byte in the name
        raise AudioError("the clip is not here any more. Choose it again.") from None


@dataclass
class Run:
    """One press of a button that works: set `stop` and the engine gives up at its next frame."""

    token: str = field(default_factory=lambda: secrets.token_hex(8))
    stop: threading.Event = field(default_factory=threading.Event)
    started: bool = False
    inputs: tuple[Any, ...] = ()  # what the page said when the button was pressed

    def start(self) -> bool:
        """Return whether the work begins now: not if it was stopped, or begun, while it waited for its turn."""
        if self.started or self.stop.is_set():
            return False
        self.started = True
        return True


@dataclass
class ClipHolder:
    """A clip that a visitor has chosen, or what was wrong with it.

    Attributes:
        wanted_cut: start and length of a saved prompt, until a clip has them.
    """

    clip: PromptClip | None = None
    clip_error: str | None = None
    clip_path: str | None = None
    wanted_cut: tuple[float, float] | None = None

    def load(self, path: str | None) -> None:
        """Take a new clip, or none; what is wrong with it is kept in `clip_error`."""
        self.clip, self.clip_error, self.clip_path = None, None, path
        if path is None:
            return
        try:
            self.clip = PromptClip.read(path)
        except AudioError as error:
            self.clip_error = str(error)

    def ensure_loaded(self, path: str | None) -> None:
        """Take the clip that the page shows, where a press of the button was faster than its loading."""
        if path != self.clip_path:
            self.load(path)


@dataclass
class Visitor:
    """One visitor of one page: the run under way and a folder. Pages add what they keep.

    Attributes:
        root: folder under which this visit may make its own; removed when the server stops.
    """

    root: Path
    run: Run | None = None
    blind: BlindPair | None = None
    _folder: Path | None = None
    _closed: bool = False

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return an empty visit: gr.State gives each visitor a copy of its initial value."""
        return type(self)(self.root)

    @property
    def folder(self) -> Path:
        """This visit's own folder, with a name that nobody can guess. Raises VisitError after the visitor has left."""
        if self._closed:
            raise VisitError("this page was left. Reload it to go on.")
        if self._folder is None or not self._folder.is_dir():
            self._folder = self.root / secrets.token_urlsafe(16)
            self._folder.mkdir(parents=True)
        return self._folder

    def begin(self) -> Run:
        """Start a run; one that is still going for this visitor is told to stop."""
        self.cancel()
        self.run = Run()
        RUNS.watch(self.run.stop)
        return self.run

    def cancel(self) -> None:
        """Stop the run under way, if there is one."""
        if self.run is not None:
            self.run.stop.set()

    def finish(self, run: Run) -> None:
        """End a run, however it ended."""
        run.stop.set()
        if self.run is run:
            self.run = None

    def close(self) -> None:
        """Stop and remove the files: called when the visitor has left. A run that is still ending writes no more."""
        self._closed = True
        self.cancel()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@dataclass
class Visit(ClipHolder, Visitor):
    """A visitor of the Continue page.

    Attributes:
        takes: of the last run that finished; a failed or cancelled run leaves them alone.
        figures: JSON of the figure of a take.
        saved: loaded into the controls, to be made again.
        offers: takes that may be opened on the Prosody page, by their tickets.
    """

    takes: list[Take] = field(default_factory=list)
    figures: dict[int, str] = field(default_factory=dict)
    saved: TakeSettings | None = None
    offers: dict[str, HandedTake] = field(default_factory=dict)

    def keep(self, takes: list[Take]) -> None:
        """Replace the takes by those of a finished run."""
        self.takes, self.figures, self.blind = takes, {}, None

    def close(self) -> None:
        """Forget everything and remove the files."""
        super().close()
        self.load(None)
        self.keep([])
        self.offers = {}
