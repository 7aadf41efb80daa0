"""Small parts that the pages share: notes to the visitor, headings, and the arguments of quick events."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from undertone.app.asgi.root_path import site_path

# Events that answer at once: they pass the model's queue by and show no spinner.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
# The same where every press counts: Gradio drops the others while an answer is on its way.
EVERY: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}

WAVEFORM = gr.WaveformOptions(waveform_color="#b6bfca", waveform_progress_color="#0f766e")

AWAY = "is-away"

Tone = Literal["good", "warning", "problem", "quiet"]


def scripted_html(template: str, *scripts: Path, value: Any = None, **options: Any) -> gr.HTML:
    """Build a widget whose looks and behaviour are the site's own.

    Args:
        template: HTML into which the value is put.
        scripts: files that run one behind the other when it is first shown.
        value: at the beginning.
        options: of `gr.HTML`.
    """
    script = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    return gr.HTML(value=value, html_template=template, js_on_load=script, apply_default_css=False, **options)


@dataclass(frozen=True)
class Note:
    """A message beside a widget; a `problem` stops a run, a `warning` does not."""

    tone: Tone
    text: str
    link: tuple[str, str] | None = None  # words and address, shown behind the text

    def html(self) -> str:
        """Return the note as the page shows it; a screen reader announces problems at once."""
        role = "alert" if self.tone == "problem" else "status"
        link = f' <a href="{escape(_address(self.link[1]))}">{escape(self.link[0])}</a>' if self.link else ""
        return f'<p class="note note-{self.tone}" role="{role}">{escape(capitalise(self.text))}{link}</p>'


def _address(link: str) -> str:
    """Return a link as the browser needs it: a path of the site, or a place on the page."""
    return site_path(link) if link.startswith("/") else link


def capitalise(text: str) -> str:
    """Return the text with a capital first letter: errors begin small, as they follow a name on the command line."""
    return text[:1].upper() + text[1:]


def step_heading(number: int, text: str) -> gr.HTML:
    """Build the heading of one of the page's numbered steps."""
    return gr.HTML(f'<h2 class="step"><span aria-hidden="true">{number}</span>{escape(text)}</h2>')


def show_container(visible: bool, *classes: str) -> Any:
    """Return the update that shows or hides a container.

    By its style classes, of which `classes` always stay: Gradio hands `visible` down to everything inside, in no fixed
    order with the updates of what is inside, and builds what was never visible only then, so that on a slow machine
    some of it stayed away.
    """
    return gr.update(elem_classes=[*classes] if visible else [*classes, AWAY])


def progress_bar(text: str, fraction: float | None = None) -> str:
    """Return a progress bar and its label; without a fraction of 1 it says only that something is under way."""
    value = "" if fraction is None else f' value="{fraction:.3f}"'
    return (
        f'<div class="progress"><label for="run-progress">{escape(text)}</label>'
        f'<progress id="run-progress" max="1"{value}></progress></div>'
    )


def set_slider(value: float, maximum: float) -> Any:
    """Return the update of a slider to a value that may lie beyond its usual end."""
    return gr.update(value=value, maximum=max(value, maximum))
