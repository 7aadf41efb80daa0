"""The prompt: microphone, upload or example; where to cut it; and whether it will do, said before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from app.cut_view import FOLLOW_SLIDERS_JS, cut_value, cut_view
from app.prompt_check import check_cut
from app.visit import Visit
from app.widgets import QUIET, WAVEFORM, Note, reaching, step_heading
from engine import AudioLimits

DEFAULT_SECONDS = 3.0  # the prompt length of the paper's evaluation
LONGEST_SECONDS = 10.0
EMPTY_NOTE = Note("quiet", "Speak for three seconds or more, or choose a clip. Nothing is kept when you leave.")


@dataclass(frozen=True)
class PromptPanel:
    """The widgets."""

    clip: gr.Audio
    examples: gr.Radio
    cut: gr.Group
    view: gr.HTML
    start: gr.Slider
    length: gr.Slider
    note: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """What a new clip changes."""
        return [self.cut, self.view, self.start, self.length, self.note]


def build_prompt_panel(examples: Sequence[Path], min_seconds: float) -> PromptPanel:
    """Lay the panel out, inside the current column."""
    step_heading(1, "Speak, or choose a clip")
    clip = gr.Audio(
        sources=["microphone", "upload"],
        type="filepath",
        label="Your clip",
        show_label=False,
        editable=False,
        buttons=[],
        elem_id="clip",
        waveform_options=WAVEFORM,
    )
    chooser = gr.Radio(
        [(example_name(path), index) for index, path in enumerate(examples)],
        label="Or take one of these, spoken by our own models",
        visible=bool(examples),
        elem_id="examples",
    )
    with gr.Group(visible=False, elem_classes="cut") as cut:
        view = cut_view()
        with gr.Row(equal_height=True):
            start = gr.Slider(
                0, 10, value=0, step=0.1, label="Starts at, s", min_width=200, elem_id="cut-start", buttons=[]
            )
            length = gr.Slider(
                min_seconds, LONGEST_SECONDS, value=DEFAULT_SECONDS, step=0.1,
                label="Length, s", min_width=200, elem_id="cut-length", buttons=[],
            )  # fmt: skip
    note = gr.HTML(EMPTY_NOTE.html(), elem_id="prompt-note")
    return PromptPanel(clip, chooser, cut, view, start, length, note)


def bind_prompt_panel(panel: PromptPanel, visit: gr.State, examples: Sequence[Path], limits: AudioLimits) -> None:
    """A new clip is read and judged; a moved cut is judged again."""
    cut = [panel.start, panel.length]

    def load(path: str | None, visit: Visit) -> list[Any]:
        return load_clip(path, visit, limits)

    def judge(start: float, length: float, visit: Visit) -> str:
        return judge_cut(start, length, visit, limits).html()

    def pick(index: int | None) -> str | None:
        return str(examples[index]) if index is not None and 0 <= index < len(examples) else None

    def dragged(event: gr.EventData) -> tuple[float, float]:
        return float(event.start), float(event.length)

    panel.clip.change(load, [panel.clip, visit], panel.outputs, **QUIET)
    panel.examples.input(pick, panel.examples, panel.clip, **QUIET)
    panel.clip.input(lambda: None, None, panel.examples, **QUIET)
    panel.view.select(dragged, None, cut, **QUIET)
    gr.on([slider.change for slider in cut], None, cut, None, js=FOLLOW_SLIDERS_JS)
    gr.on(
        [slider.change for slider in cut], judge, [*cut, visit], panel.note,
        trigger_mode="always_last", **QUIET,
    )  # fmt: skip


def load_clip(path: str | None, visit: Visit, limits: AudioLimits) -> list[Any]:
    """Read a clip into the visit: updates of the waveform, both sliders and the note."""
    visit.load(path)
    clip = visit.clip
    if clip is None or path is None:
        note = EMPTY_NOTE if visit.clip_error is None else Note("problem", visit.clip_error)
        return [gr.update(visible=False), None, gr.skip(), gr.skip(), note.html()]
    start, length = _first_cut(visit, clip.seconds, limits)
    latest = _tenths(max(0.1, clip.seconds - limits.min_seconds))
    longest = _tenths(max(limits.min_seconds + 0.1, min(LONGEST_SECONDS, clip.seconds)))
    cut_limits = (limits.min_seconds, max(longest, length))
    url = f"gradio_api/file={quote(path)}"
    value = cut_value(clip.waveform, clip.seconds, url, start, length, cut_limits)
    note = judge_cut(start, length, visit, limits)
    return [gr.update(visible=True), value, reaching(start, latest), reaching(length, longest), note.html()]


def _first_cut(visit: Visit, seconds: float, limits: AudioLimits) -> tuple[float, float]:
    """Start and length of the cut in a new clip: the saved take's where one was loaded and fits, else the first 3 s."""
    wanted, visit.wanted_cut = visit.wanted_cut, None
    if wanted is not None and sum(wanted) <= seconds + 0.001:
        return wanted
    return 0.0, max(limits.min_seconds, _tenths(min(DEFAULT_SECONDS, seconds)))


def _tenths(seconds: float) -> float:
    """Rounded down to the sliders' step, so that no slider stands beyond its end."""
    return int(10 * seconds + 1e-6) / 10


def judge_cut(start: float, length: float, visit: Visit, limits: AudioLimits) -> Note:
    """What to say of the chosen part."""
    if visit.clip_error is not None:
        return Note("problem", visit.clip_error)
    if visit.clip is None:
        return EMPTY_NOTE
    return check_cut(visit.clip, start, length, limits)


def example_name(path: Path) -> str:
    """`two-friends.wav` is shown as "Two friends"."""
    return path.stem.replace("-", " ").replace("_", " ").capitalize()


def find_examples(folder: Path) -> list[Path]:
    """The example clips of a folder, which may be missing."""
    return sorted(folder.glob("*.wav")) if folder.is_dir() else []
