"""The prompt panel: a clip from microphone, upload or example, its cut, and a note on it before anything runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.events import Dependency

from undertone.app.shared.clip_repair import ClipRepair, bind_clip_repair, build_clip_repair, show_clip_repair
from undertone.app.shared.cut_view import cut_value, cut_view, follow_sliders_js
from undertone.app.shared.example_sounds import bind_example_sounds, build_example_sounds
from undertone.app.shared.visitor import ClipHolder
from undertone.app.shared.widgets import QUIET, WAVEFORM, Note, set_slider
from undertone.engine import AudioLimits
from undertone.engine.audio.reading import CheckedPrompt

DEFAULT_SECONDS = 3.0  # the prompt length of the paper's evaluation
LONGEST_SECONDS = 10.0
EMPTY_NOTE = Note(
    "quiet",
    "Speak for three seconds or more, or choose a clip. Nothing is kept when you leave, unless you share it.",
)


@dataclass(frozen=True)
class ClipUse:
    """The use that a page makes of a clip.

    Attributes:
        prefix: of the ids of the panel's widgets, "" on a page with one panel.
        noun: what the chosen part is called.
        holder: where the page's visit keeps the clip.
    """

    prefix: str = ""
    noun: str = "prompt"
    default_seconds: float = DEFAULT_SECONDS
    longest_seconds: float = LONGEST_SECONDS
    empty: Note = EMPTY_NOTE
    holder: Callable[[Any], ClipHolder] = lambda visit: visit


PROMPT = ClipUse()


@dataclass(frozen=True)
class PromptPanel:
    """The widgets of the panel."""

    clip: gr.Audio
    examples: gr.Radio
    sounds: gr.HTML
    cut: gr.Group
    view: gr.HTML
    start: gr.Slider
    length: gr.Slider
    note: gr.HTML
    repair: ClipRepair

    @property
    def outputs(self) -> list[Any]:
        """Return the widgets that a new clip changes."""
        return [self.cut, self.view, self.start, self.length, *self.judged]

    @property
    def judged(self) -> list[Any]:
        """Return the widgets that a moved cut changes."""
        return [self.note, *self.repair.outputs]


def build_prompt_panel(examples: Sequence[Path], min_seconds: float, use: ClipUse = PROMPT) -> PromptPanel:
    """Lay the panel out, inside the current column, below a heading."""
    prefix = use.prefix
    clip = gr.Audio(
        sources=["microphone", "upload"],
        type="filepath",
        label="Your clip",
        show_label=False,
        editable=False,
        buttons=[],
        elem_id=f"{prefix}clip",
        elem_classes="clip",
        waveform_options=WAVEFORM,
    )
    chooser = gr.Radio(
        [(example_name(path), index) for index, path in enumerate(examples)],
        label="Or take one of these, spoken by our own models",
        visible=bool(examples),
        elem_id=f"{prefix}examples",
        elem_classes="examples",
    )
    sounds = build_example_sounds([example_name(path) for path in examples], f"{prefix}example-sounds")
    with gr.Group(visible=False, elem_classes="cut") as cut:
        view = cut_view(f"{prefix}cut-view")
        with gr.Row(equal_height=True):
            start = gr.Slider(
                0, use.longest_seconds, value=0, step=0.1,
                label="Starts at, s", min_width=200, elem_id=f"{prefix}cut-start", buttons=[],
            )  # fmt: skip
            length = gr.Slider(
                min_seconds, use.longest_seconds, value=use.default_seconds, step=0.1,
                label="Length, s", min_width=200, elem_id=f"{prefix}cut-length", buttons=[],
            )  # fmt: skip
    note = gr.HTML(use.empty.html(), elem_id=f"{prefix}prompt-note")
    repair = build_clip_repair(prefix)
    return PromptPanel(clip, chooser, sounds, cut, view, start, length, note, repair)


def bind_prompt_panel(
    panel: PromptPanel,
    visit: gr.State,
    examples: Sequence[Path],
    limits: AudioLimits,
    use: ClipUse = PROMPT,
    analyse_ahead: Callable[[CheckedPrompt], None] = lambda prompt: None,
) -> list[Dependency]:
    """Bind the panel: a new clip is read and judged; a moved cut is judged again.

    Args:
        analyse_ahead: called with every part that can be a prompt, before anybody asks for more of it.
    Returns:
        The events behind which another part is the prompt.
    """
    cut = [panel.start, panel.length]

    def load(path: str | None, visit: Any) -> list[Any]:
        holder = use.holder(visit)
        updates = load_clip(path, holder, limits, use)
        begin(holder)
        return updates

    def judge(start: float, length: float, visit: Any) -> list[Any]:
        holder = use.holder(visit)
        note = judge_cut(start, length, holder, limits, use)
        begin(holder)
        return [note.html(), *show_clip_repair(holder, holder.check(start, length, limits))]

    def begin(holder: ClipHolder) -> None:
        if holder.checked_prompt is not None:
            analyse_ahead(holder.checked_prompt)

    def pick(index: int | None) -> str | None:
        return str(examples[index]) if index is not None and 0 <= index < len(examples) else None

    def read_drag(event: gr.EventData) -> tuple[float, float]:
        return float(event.start), float(event.length)

    bind_example_sounds(panel.sounds, [example_name(path) for path in examples], examples)
    loaded = panel.clip.change(load, [panel.clip, visit], panel.outputs, **QUIET)
    panel.examples.input(pick, panel.examples, panel.clip, **QUIET)
    panel.clip.input(lambda: None, None, panel.examples, **QUIET)
    panel.view.select(read_drag, None, cut, **QUIET)
    gr.on([slider.change for slider in cut], None, cut, None, js=follow_sliders_js(f"{use.prefix}cut-view"))
    judged = gr.on(
        [slider.change for slider in cut], judge, [*cut, visit], panel.judged,
        trigger_mode="always_last", **QUIET,
    )  # fmt: skip
    bind_clip_repair(
        panel.repair, panel.clip, cut, visit, use.holder,
        lambda start, length, holder: holder.check(start, length, limits),
    )  # fmt: skip
    return [loaded, judged]


def load_clip(path: str | None, holder: ClipHolder, limits: AudioLimits, use: ClipUse = PROMPT) -> list[Any]:
    """Read a clip into the visit: updates of the waveform, both sliders, the note and what can be taken away."""
    holder.load(path)
    clip = holder.clip
    if clip is None or path is None:
        note = use.empty if holder.clip_error is None else Note("problem", holder.clip_error)
        nothing = show_clip_repair(holder, None)
        return [gr.update(visible=False), None, gr.skip(), gr.skip(), note.html(), *nothing]
    start, length = _first_cut(holder, clip.seconds, limits, use)
    latest = _tenths(max(0.1, clip.seconds - limits.min_seconds))
    longest = _tenths(max(limits.min_seconds + 0.1, min(use.longest_seconds, clip.seconds)))
    cut_limits = (limits.min_seconds, max(longest, length))
    url = f"gradio_api/file={quote(path)}"
    value = cut_value(clip.waveform, clip.seconds, url, start, length, cut_limits, use.noun)
    note = judge_cut(start, length, holder, limits, use)
    repair = show_clip_repair(holder, holder.check(start, length, limits))
    return [
        gr.update(visible=True), value, set_slider(start, latest), set_slider(length, longest), note.html(), *repair,
    ]  # fmt: skip


def _first_cut(holder: ClipHolder, seconds: float, limits: AudioLimits, use: ClipUse) -> tuple[float, float]:
    """Return start and length of the cut in a new clip: the saved one where one was loaded and fits, else the start."""
    saved, holder.saved_cut = holder.saved_cut, None
    if saved is not None and sum(saved) <= seconds + 0.001:
        return saved
    return 0.0, max(limits.min_seconds, _tenths(min(use.default_seconds, seconds)))


def _tenths(seconds: float) -> float:
    """Round seconds down to the sliders' step, so that no slider stands beyond its end."""
    return int(10 * seconds + 1e-6) / 10


def judge_cut(start: float, length: float, holder: ClipHolder, limits: AudioLimits, use: ClipUse = PROMPT) -> Note:
    """Return what to say of the chosen part; it is checked once, and `holder.prompt` gives it to the engine."""
    check = holder.check(start, length, limits)
    if check is not None:
        return check.note
    return use.empty if holder.clip_error is None else Note("problem", holder.clip_error)


def example_name(path: Path) -> str:
    """Return a file's name for people: `two-friends.wav` is "Two friends"."""
    return path.stem.replace("-", " ").replace("_", " ").capitalize()


def find_examples(folder: Path) -> list[Path]:
    """Return the example clips of a folder, which may be missing."""
    return sorted(folder.glob("*.wav")) if folder.is_dir() else []
