"""The state of one visitor of a page: clips, the run under way, takes. Held by gr.State, never shared."""

import secrets
import shutil
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from undertone.app.shared.blind_pair import BlindPair
from undertone.app.shared.handover import HandedTake
from undertone.app.shared.opening import Opening
from undertone.app.shared.prompt_check import CutCheck, check_cut
from undertone.app.shared.prompt_clip import PromptClip, RepairedClip
from undertone.app.shared.runs import RUNS
from undertone.engine import AudioError, AudioLimits, Take, TakeSettings, UndertoneError
from undertone.engine.audio.reading import CheckedPrompt, cut_prompt
from undertone.engine.words import HeardWord

MOST_RUNS = 6  # finished runs that a visit keeps
MOST_RUN_BYTES = 64_000_000  # of their sounds; the newest run is kept whatever it has
SOUND_BYTES_PER_SAMPLE = 10  # float32 in memory and in a wav file, 16 bit in another


class VisitError(UndertoneError):
    """A request to a visit that is over."""


@dataclass
class Run:
    """One press of a button that works: set `stop` and the engine gives up at its next frame."""

    stop: threading.Event = field(default_factory=threading.Event)
    started: bool = False
    inputs: tuple[Any, ...] = ()  # what the page said when the button was pressed
    opening: Opening | None = None  # what the page plays since then

    def start(self) -> bool:
        """Return whether the work begins now: not if it was stopped, or begun, while it waited for its turn."""
        if self.started or self.stop.is_set():
            return False
        self.started = True
        return True


@dataclass
class ClipHolder:
    """A clip that a visitor has chosen, or what was wrong with it; decoded once, and each cut of it checked once.

    Attributes:
        saved_cut: start and length in seconds of a saved prompt, until a clip has them.
        repaired: the clip, or the one that comes next, where it is one that was repaired.
    """

    clip: PromptClip | None = None
    clip_error: str | None = None
    clip_path: str | None = None
    saved_cut: tuple[float, float] | None = None
    repaired: RepairedClip | None = None
    _check: CutCheck | None = None

    def __post_init__(self) -> None:
        # A press of a button may come while the clip is being read. No field: Gradio copies the fields of a state.
        self._reading = threading.RLock()

    def load(self, path: str | None) -> None:
        """Read the file at a path, or forget the clip; an error is kept in `clip_error`. What is read stays."""
        with self._reading:
            if path is not None and path == self.clip_path and self.clip is not None:
                return
            self.clip, self.clip_error, self.clip_path, self._check = None, None, path, None
            if self.repaired is not None and path != self.repaired.path:
                self.repaired = None
            if path is None:
                return
            try:
                clip = PromptClip.read(path)
                self.clip = clip if self.repaired is None else replace(clip, repairs=self.repaired.repairs)
            except AudioError as error:
                self.clip_error = str(error)

    def ensure_loaded(self, path: str | None) -> None:
        """Read the clip that the page shows, where a press of the button was faster than its loading."""
        with self._reading:
            if path != self.clip_path:
                self.load(path)

    def check(self, start: float, length: float, limits: AudioLimits) -> CutCheck | None:
        """Return the check of the clip's part from `start` on; None where there is no clip."""
        with self._reading:
            if self.clip is None:
                return None
            if self._check is None or not self._check.is_of(self.clip, start, start + length):
                self._check = check_cut(self.clip, start, length, limits)
            return self._check

    @property
    def checked_prompt(self) -> CheckedPrompt | None:
        """Return the part that was checked last; None where it cannot be a prompt."""
        check = self._check
        return None if check is None else check.prompt

    def prompt(self, start: float, end: float | None, limits: AudioLimits) -> CheckedPrompt:
        """Return the clip's part between two times, as it was checked where it is the one that was checked last.

        Raises:
            AudioError: there is no clip, or the part cannot be a prompt.
        """
        with self._reading:
            if self.clip is None:
                raise AudioError(self.clip_error or "there is no clip yet. Record, upload or choose an example first.")
            check = self._check
            if check is not None and check.prompt is not None and check.is_of(self.clip, start, end):
                return check.prompt
            return cut_prompt(self.clip.waveform, self.clip.sample_rate_hz, start, end, limits)


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
        """Return this visit's own folder, whose name nobody can guess. Raises VisitError after the visitor has left."""
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


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run that has finished: its takes, where their files go, and what was drawn and read of them."""

    number: int  # counted from 1 within the visit
    takes: list[Take]
    folder: Path
    prompt: CheckedPrompt | None = None  # as it was analysed
    systems: tuple[str, ...] = ()  # that made the takes, in their order; none: the voice made them all
    figures: dict[int, str] = field(default_factory=dict)  # JSON, by the take's index
    words: dict[int, list[HeardWord]] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Return the bytes that the sounds take in memory and on disk; the rest is small beside them."""
        prompt = 0 if self.prompt is None else self.prompt.samples.nbytes
        return prompt + sum(SOUND_BYTES_PER_SAMPLE * take.audio.numel() for take in self.takes)

    def name_of(self, index: int) -> str:
        """Return what a take is called on the page: its number, or the system that made it."""
        return self.systems[index] if self.systems else f"Take {index + 1}"


@dataclass(frozen=True)
class OnwardPrompt:
    """The end of a take that is the prompt of the next.

    Attributes:
        path: of a copy of the take's lossless wav, in a folder of its own.
        start, length: of the prompt in it, in seconds.
        settings: of the take.
    """

    path: str
    start: float
    length: float
    settings: TakeSettings

    @property
    def folder_name(self) -> str:
        """Return the name of its folder within the visit's."""
        return Path(self.path).parent.name


@dataclass
class Visit(ClipHolder, Visitor):
    """A visitor of the Continue page.

    Attributes:
        runs: those that finished and are kept, the oldest first; a failed or cancelled run leaves them alone.
        shown: the one on the page.
        to_show: the same, from its end until the page is told of it.
        onward: the take from which the visitor goes on, last pressed.
        saved: loaded into the controls, to be made again.
        linked_path: of the clip that came with a link, last opened.
        shared_keys: of the prompts that the visitor shares, by the numbers of their runs.
        opening: the sound with which the next run will begin, where it was made ahead.
        offers: takes that may be opened on the Prosody page, by their tickets.
    """

    runs: tuple[FinishedRun, ...] = ()
    shown: FinishedRun | None = None
    to_show: FinishedRun | None = None
    onward: OnwardPrompt | None = None
    saved: TakeSettings | None = None
    linked_path: str | None = None
    shared_keys: dict[int, str] = field(default_factory=dict)
    opening: Opening | None = None
    offers: dict[str, HandedTake] = field(default_factory=dict)
    _finished: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sharing = threading.Lock()  # held while a prompt is shared. No field: Gradio copies the fields of a state

    @property
    def takes(self) -> list[Take]:
        """Return the takes of the run on the page."""
        return self.shown.takes if self.shown is not None else []

    @property
    def figures(self) -> dict[int, str]:
        """Return the JSON of the figures of these takes that were drawn, by index."""
        return self.shown.figures if self.shown is not None else {}

    def take_name(self, index: int) -> str:
        """Return a name that no other take of this visit has, for the page's scripts."""
        return f"{self.shown.number if self.shown is not None else 0}-{index}"

    def keep(self, takes: list[Take], prompt: CheckedPrompt | None = None, systems: tuple[str, ...] = ()) -> None:
        """Keep the takes of a finished run and show them; the oldest runs go where there are too many.

        Args:
            prompt: of the takes, for other systems to go on from.
            systems: that made them; none where the voice did.
        """
        self._finished += 1
        run = FinishedRun(self._finished, takes, self.folder / f"run-{self._finished}", prompt, systems)
        runs = [*self.runs, run]
        while len(runs) > 1 and (len(runs) > MOST_RUNS or sum(kept.num_bytes for kept in runs) > MOST_RUN_BYTES):
            shutil.rmtree(runs.pop(0).folder, ignore_errors=True)
        self.runs, self.blind, self.to_show = tuple(runs), None, run
        self._show(run)

    def show_run(self, number: int) -> bool:
        """Show the takes of a kept run again; return whether it is still kept."""
        run = next((kept for kept in self.runs if kept.number == number), None)
        if run is not None:
            self._show(run)
        return run is not None

    def _show(self, run: FinishedRun) -> None:
        if self.shown is not None and self.shown is not run:
            self.shown.figures.clear()  # drawn again when they are asked for
        self.shown = run

    def close(self) -> None:
        """Forget everything and remove the files."""
        super().close()
        self.load(None)
        self.runs, self.shown, self.onward, self.blind, self.linked_path = (), None, None, None, None
        self.opening, self.to_show = None, None
        self.offers, self.shared_keys = {}, {}
