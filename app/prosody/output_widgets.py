"""Step 4: save the sound and its settings, compare it blind, continue from it. The widgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.status import Updates
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.blind_comparison import BlindComparison, blind_updates, build_blind_comparison
from undertone.app.shared.context import Context
from undertone.app.shared.study_maker import StudyMaker, build_study_maker
from undertone.app.shared.widgets import AWAY, WAVEFORM, show_container, step_heading

LONGEST_SECONDS = 10.0


@dataclass(frozen=True)
class OutputWidgets:
    """The widgets of the step."""

    section: gr.Column
    wav: gr.DownloadButton
    settings: gr.DownloadButton
    blind: BlindComparison
    seconds: gr.Slider
    go: gr.Button
    continued: gr.Column
    player: gr.Audio
    continued_wav: gr.DownloadButton
    continued_settings: gr.DownloadButton
    study_box: gr.Column
    study: StudyMaker | None

    @property
    def outputs(self) -> list[Any]:
        take = [self.continued, self.player, self.continued_wav, self.continued_settings, self.study_box]
        return [self.section, self.wav, self.settings, *self.blind.outputs, *take]

    def show(self, visit: ProsodyVisit, editing: EditingSession) -> Updates:
        """Show the files of the sound that is shown, and what can be compared with it."""
        wav, settings = visit.save(editing.rendered[editing.shown])
        names = [name for name, _ in editing.named_sounds()]
        return {
            self.section: show_container(True, "card"),
            self.wav: gr.update(value=str(wav)),
            self.settings: gr.update(value=str(settings)),
            **dict(zip(self.blind.outputs, blind_updates(names), strict=True)),
        }

    def show_continued(self, visit: ProsodyVisit) -> Updates:
        """Show the newest continuation of edited speech; with two of them a study can be made."""
        if not visit.takes:
            return {self.continued: gr.update(visible=False), self.study_box: gr.update(visible=False)}
        latest = visit.takes[-1]
        wav, settings = visit.save(latest)
        return {
            self.continued: gr.update(visible=True),
            self.player: str(visit.write_playback(latest.audio)),
            self.continued_wav: gr.update(value=str(wav)),
            self.continued_settings: gr.update(value=str(settings)),
            self.study_box: gr.update(visible=len(visit.takes) > 1),
        }


def version_sounds(visit: ProsodyVisit) -> Sequence[tuple[str, Path]]:
    """Return the sounds that can be compared blind, by name."""
    if visit.editing is None:
        return []
    return [(name, visit.write_playback(audio)) for name, audio in visit.editing.named_sounds()]


def build_output(context: Context) -> OutputWidgets:
    """Lay the step out; hidden until there is a sound. Studies are offered where the site has them."""
    with gr.Column(elem_id="output", elem_classes=["card", AWAY]) as section:
        step_heading(4, "Keep it, compare it, go on from it")
        with gr.Row(elem_classes="take-buttons"):
            wav = gr.DownloadButton("Save the sound", size="sm", elem_id="save-wav", min_width=140)
            settings = gr.DownloadButton("Save the settings", size="sm", elem_id="save-json", min_width=140)
        gr.HTML(
            '<p class="hint">The settings hold no sound: with the same recording they give the same bytes again.</p>'
        )
        blind = build_blind_comparison(["before", "after", "the recording"], "Compare without knowing which is which")
        with gr.Column(elem_classes="panel"):
            gr.HTML("<h3>Go on from here</h3><p class=hint>The model hears the edited speech as its prompt.</p>")
            with gr.Row(equal_height=True):
                seconds = gr.Slider(
                    1, LONGEST_SECONDS, value=5, step=0.5, label="Length, seconds", elem_id="go-on-seconds", buttons=[],
                    min_width=200,
                )  # fmt: skip
                go = gr.Button("Continue", elem_id="go-on", min_width=120)
            with gr.Column(visible=False, elem_id="continued") as continued:
                player = gr.Audio(
                    interactive=False, label="Edited speech and what follows", buttons=[], elem_id="continued-player",
                    waveform_options=WAVEFORM,
                )  # fmt: skip
                with gr.Row(elem_classes="take-buttons"):
                    take_wav = gr.DownloadButton("Save the sound", size="sm", elem_id="continued-wav", min_width=140)
                    take_json = gr.DownloadButton(
                        "Save the settings", size="sm", elem_id="continued-json", min_width=140
                    )
            with gr.Column(visible=False, elem_id="study-box") as study_box:
                study = build_study_maker() if context.feedback is not None else None
    return OutputWidgets(
        section, wav, settings, blind, seconds, go, continued, player, take_wav, take_json, study_box, study
    )
