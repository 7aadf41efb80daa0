"""Saved settings of a rendering: read, matched to the recordings that are there, and restored in an editing session."""

from collections.abc import Generator

import torch

from undertone.app.prosody.edit_state import EditState, read_edit
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.status import StatusLine, Updates
from undertone.app.shared.saved_settings import differences_text
from undertone.app.shared.saved_settings import take_cut as saved_take_cut
from undertone.app.shared.visitor import Run
from undertone.app.shared.widgets import Note
from undertone.engine import CallProgress, Cancelled, Engine, SettingsError, Take, TakeSettings
from undertone.engine.audio.reading import CheckedPrompt
from undertone.engine.config import FRAME_SECONDS
from undertone.engine.prosody import ProsodySettings

MAX_BYTES = 200_000  # the settings of a rendering have some 5 kB


def read_prosody_settings(data: bytes) -> ProsodySettings:
    """Read the JSON that "Save the settings" gave.

    Raises:
        SettingsError: it is something else.
    """
    if len(data) > MAX_BYTES:
        raise SettingsError(f"the file has {len(data)} bytes; settings have some 5000. Choose the .json file.")
    return ProsodySettings.parse(data, "the settings file")


def prosody_cut(saved: ProsodySettings) -> tuple[float, float]:
    """Return start and length in seconds of the speech, or of the prompt of the take, in its recording."""
    if saved.source.take is not None:
        return saved_take_cut(saved.source.take)
    end = saved.source.end_seconds
    if end is None:
        end = saved.source.start_seconds + saved.source.num_frames * FRAME_SECONDS
    return saved.source.start_seconds, round(end - saved.source.start_seconds, 6)


def describe_loaded(saved: ProsodySettings, engine: Engine) -> Note:
    """Return a note on what to do now that settings are loaded."""
    what = "the recording that the take's prompt was cut from" if saved.source.take else "the recording they belong to"
    text = f"Settings are loaded. Choose {what} and press Analyse."
    different = differences_text(saved, engine)
    if different:
        return Note("warning", f"{text} Other than then: {', '.join(different)}. The sound may differ.")
    return Note("good", text)


def restore_edit(editing: EditingSession, saved: ProsodySettings) -> Note | None:
    """Push the edit state of saved settings; return None where that was done, else a note on what is missing."""
    if editing.before.settings.source.frames_sha256 != saved.source.frames_sha256:
        start, length = prosody_cut(saved)
        return Note(
            "warning",
            "This is not the recording, or not the part of it, that the saved settings belong to: "
            f"{length:.1f} s from {start:.1f} s on. Choose it and press Analyse again.",
        )
    if (editing.sampling, editing.seed, editing.statistics) != (saved.sampling, saved.seed, saved.statistics):
        return Note("warning", "The saved settings have another seed, quality or reference. Press Analyse again.")
    other = _find_second(editing, saved)
    if other is None and (saved.other is not None or saved.utterance is not None):
        return Note(
            "warning", "The saved settings need their second recording too. Choose it in step 3 and press Use it."
        )
    moves, range_edits = read_edit(saved.edit, editing.cards)
    edit_state = EditState(
        range_edits=range_edits,
        durations=saved.durations,
        latents=saved.latents,
        other=other,
        other_voice=saved.utterance is not None,
    )
    editing.history.push(edit_state.with_moves(moves, editing.cards))
    return None


def remake_take(
    engine: Engine, status: StatusLine, run: Run, prompt: CheckedPrompt, saved: TakeSettings
) -> Generator[Updates, None, Take]:
    """Yield the progress of making the take again that was edited, and return it.

    Raises:
        SettingsError: the prompt is not the one of the take.
        Cancelled: the visitor wishes no more.
    """
    speech = engine.analyse_prompt(prompt)
    if speech.audio_sha256 != saved.prompt_sha256:
        raise SettingsError("this is not the recording that the saved take was made from; choose that one.")
    progress = CallProgress(run.stop.is_set)
    drawn = engine.stream(speech, saved.seconds, saved.sampling, saved.seed, saved.num_takes, progress, saved.step)
    for chunk in drawn:
        if chunk.takes:
            return chunk.takes[saved.index]
        yield status.show_progress("Making the take again", chunk.frames_done / max(1, chunk.frames_total))
    raise Cancelled


def _find_second(editing: EditingSession, saved: ProsodySettings) -> int | None:
    """Return the index of the second recording that the settings were made with; None where it is not there."""
    for index, other in enumerate(editing.others):
        if saved.other is not None and other.speech.frames_sha256 != saved.other.frames_sha256:
            continue
        if saved.utterance is not None and not torch.equal(other.speech.utterance, torch.tensor(saved.utterance)):
            continue
        return index if saved.other is not None or saved.utterance is not None else None
    return None
