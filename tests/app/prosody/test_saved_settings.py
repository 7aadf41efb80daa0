"""Saved settings of a rendering: restored to the same bytes, or refused with the reason."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
import torch

from undertone.app.prosody.cards import Move
from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.saved_settings import read_prosody_settings, remake_take, restore_edit
from undertone.app.prosody.status import build_status
from undertone.app.shared.visitor import Run
from undertone.engine import Engine, Sampling, SettingsError, Speech, Take, read_audio
from undertone.engine.audio.reading import cut_prompt
from undertone.engine.generation.take_settings import StepKind
from undertone.engine.prosody import RedrawnLatents

SAMPLING = Sampling(steps=2)


DRAWN = RedrawnLatents(seed=3, num_draws=2, index=1)


def moved(editing: EditingSession, shift: float = 1.5, card: str = "z2") -> EditState:
    return editing.now.with_moves({card: Move(shift=shift)}, editing.cards)


def test_settings_lay_the_same_sound_out_again(
    engine: Engine, editing: EditingSession, speech: Speech, second: Speech
) -> None:
    range_edit = editing.cards[0].edit(Move(), 0.2, 0.6, flatten=True)
    edit_state = replace(moved(editing), latents=DRAWN, other=0, other_voice=True).with_range_edit(range_edit)
    made = editing.render(edit_state)
    settings = read_prosody_settings(made.settings.model_dump_json().encode())
    again = EditingSession.open(engine, Original("clip", speech), settings.sampling, settings.seed)
    missing = restore_edit(again, settings)
    assert missing is not None
    assert "second recording" in missing.text
    again.others.append(Original("second", second))
    assert restore_edit(again, settings) is None
    rendering = again.render(again.now)
    assert torch.equal(rendering.audio, made.audio)
    assert rendering.settings == made.settings


def test_settings_of_another_recording_are_not_applied(engine: Engine, editing: EditingSession, second: Speech) -> None:
    other = EditingSession.open(engine, Original("other", second), SAMPLING, seed=5)
    note = restore_edit(other, editing.before.settings)
    assert note is not None
    assert "not the recording" in note.text
    assert other.now == EditState()


@pytest.mark.parametrize("data", [b"", b"[1]", b"{}", b"\xff", b" " * 300_000])
def test_a_file_that_is_no_settings_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        read_prosody_settings(data)


@pytest.mark.parametrize("step", ["modules", "compiled"])
def test_a_take_is_made_again_by_the_step_that_made_it(engine: Engine, clip_path: Path, step: StepKind) -> None:
    waveform, rate = read_audio(clip_path)
    prompt = cut_prompt(waveform, rate, 0.5, 1.5, engine.limits)
    (take,) = engine.takes(engine.analyse_prompt(prompt), 0.3, SAMPLING, seed=3, step=step)
    with gr.Blocks():
        status = build_status()
    made: list[Take] = []

    def remake() -> Iterator[object]:
        made.append((yield from remake_take(engine, status, Run(), prompt, take.settings)))

    list(remake())
    (again,) = made
    assert again.settings.step == step
    assert torch.equal(again.audio, take.audio)
