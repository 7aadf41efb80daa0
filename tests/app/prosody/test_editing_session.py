"""The editing session: its sounds are the engine's, made once, and stop when they should."""

from dataclasses import replace

import pytest
import torch

from undertone.app.prosody.cards import Move
from undertone.app.prosody.edit_state import EditState
from undertone.app.prosody.editing_session import KEPT_RENDERINGS, EditingSession, Original
from undertone.engine import Engine, Sampling, SettingsError, Speech, Take
from undertone.engine.prosody import MorphedLatents, RedrawnLatents, TransferredLatents, resynthesise

SAMPLING = Sampling(steps=2)


DRAWN = RedrawnLatents(seed=3, num_draws=2, index=1)


def moved(editing: EditingSession, shift: float = 1.5, card: str = "z2") -> EditState:
    return editing.now.with_moves({card: Move(shift=shift)}, editing.cards)


def test_nothing_moved_is_the_reconstruction(engine: Engine, editing: EditingSession, speech: Speech) -> None:
    expected = engine.synthesise(speech.tokens, speech.latents, speech.utterance, SAMPLING, seed=5)
    assert torch.equal(editing.before.audio, expected)
    assert torch.equal(editing.after.audio, expected)


def test_a_moved_card_is_the_engines_edit(engine: Engine, editing: EditingSession, speech: Speech) -> None:
    edit_state = moved(editing)
    expected = resynthesise(engine, speech, edit_state.edit(editing.cards), sampling=SAMPLING, seed=5)
    made = editing.render(edit_state)
    assert torch.equal(made.audio, expected.audio)
    assert made.settings == expected.settings
    assert not torch.equal(made.audio, editing.before.audio)
    assert editing.render(edit_state) is made


def test_a_draft_is_quicker_and_gives_way_to_what_is_there(engine: Engine, speech: Speech) -> None:
    editing = EditingSession.open(engine, Original("clip", speech), Sampling(steps=9), seed=5)
    assert editing.draft(moved(editing)).settings.sampling.steps < 9
    full = editing.render(moved(editing))
    assert editing.draft(moved(editing)) is full


@pytest.mark.parametrize(
    "change",
    [
        {"latents": TransferredLatents(), "other": 0},
        {"latents": MorphedLatents(amount=0.3), "other": 0},
        {"latents": MorphedLatents(amount=0.7, timing="first"), "other": 0},
        {"other": 0, "other_voice": True},
        {"latents": DRAWN},
    ],
    ids=["transfer", "morph", "morph of latents", "voice", "draw"],
)
def test_a_second_recording_or_a_draw_gives_the_engines_own_sound(
    engine: Engine, editing: EditingSession, speech: Speech, second: Speech, change: dict[str, object]
) -> None:
    edit_state = replace(moved(editing), **change)  # type: ignore[arg-type]
    made = editing.render(edit_state)
    expected = resynthesise(
        engine,
        speech,
        edit_state.edit(editing.cards),
        second.utterance if edit_state.other_voice else None,
        SAMPLING,
        5,
        latents=edit_state.latents,
        other=second if edit_state.other == 0 else None,
    )
    assert torch.equal(made.audio, expected.audio)
    assert made.settings == expected.settings


def test_a_voice_needs_a_second_recording(engine: Engine, speech: Speech) -> None:
    editing = EditingSession.open(engine, Original("clip", speech), SAMPLING, seed=5)
    with pytest.raises(SettingsError, match="second recording"):
        editing.render(EditState(other_voice=True))


def test_only_some_sounds_are_kept(engine: Engine, editing: EditingSession) -> None:
    for step in range(KEPT_RENDERINGS + 3):
        editing.history.push(moved(editing, shift=0.1 * step))
        editing.render(editing.now)
    assert len(editing.rendered) == KEPT_RENDERINGS
    assert EditState() in editing.rendered
    assert editing.now in editing.rendered


def test_a_take_that_is_edited_begins_as_it_sounded(edited_take: EditingSession, take: Take) -> None:
    assert edited_take.before.audio.equal(take.audio)
    assert edited_take.original.recording is None
    assert [name for name, _ in edited_take.named_sounds()] == ["before", "after"]
