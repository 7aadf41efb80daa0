"""The bench: the sounds of an arrangement are the engine's, made once, and stop when they should."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.clips import SAMPLE_RATE_HZ, speechlike
from undertone.app.prosody.background import reported
from undertone.app.prosody.cards import Move
from undertone.app.prosody.clip_evidence import clip_evidence
from undertone.app.prosody.edit_state import EditState, read_moves
from undertone.app.prosody.editing_session import KEPT_RENDERINGS, EditingSession, Original
from undertone.app.prosody.measures import NO_CHANGE, TOO_FEW, measure_changes, measure_sound
from undertone.app.prosody.saved_settings import applied, read_prosody_settings
from undertone.app.prosody.sound_files import heard, saved
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.visitor import Run
from undertone.engine import CallProgress, Cancelled, Engine, Sampling, SettingsError, Speech
from undertone.engine.prosody import MorphedLatents, RedrawnLatents, TransferredLatents, resynthesise

SAMPLING = Sampling(steps=2)
DRAWN = RedrawnLatents(seed=3, num_draws=2, index=1)


@pytest.fixture(scope="module")
def speech(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.1, 1.6)


@pytest.fixture(scope="module")
def second(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0, hz=210, seed=4), SAMPLE_RATE_HZ, 0.0, 1.2)


@pytest.fixture
def editing(engine: Engine, speech: Speech, second: Speech) -> EditingSession:
    editing = EditingSession.open(engine, Original("clip", speech), SAMPLING, seed=5)
    editing.others.append(Original("second", second))
    return editing


def moved(editing: EditingSession, shift: float = 1.5, card: str = "z2") -> EditState:
    return editing.now.with_moves({card: Move(shift=shift)}, editing.cards)


def test_nothing_moved_is_the_reconstruction(engine: Engine, editing: EditingSession, speech: Speech) -> None:
    expected = engine.synthesise(speech.tokens, speech.latents, speech.utterance, SAMPLING, seed=5)
    assert torch.equal(editing.before.audio, expected)
    assert torch.equal(editing.after.audio, expected)


def test_a_moved_card_is_the_engines_edit(engine: Engine, editing: EditingSession, speech: Speech) -> None:
    edit_state = moved(editing)
    expected = resynthesise(engine, speech, edit_state.edit(editing.cards), sampling=SAMPLING, seed=5)
    made = editing.render(engine, edit_state)
    assert torch.equal(made.audio, expected.audio)
    assert made.settings == expected.settings
    assert not torch.equal(made.audio, editing.before.audio)
    assert editing.render(engine, edit_state) is made


def test_a_draft_is_quicker_and_gives_way_to_what_is_there(engine: Engine, speech: Speech) -> None:
    editing = EditingSession.open(engine, Original("clip", speech), Sampling(steps=9), seed=5)
    assert editing.draft(engine, moved(editing)).settings.sampling.steps < 9
    full = editing.render(engine, moved(editing))
    assert editing.draft(engine, moved(editing)) is full


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
def test_what_is_borrowed_is_what_the_engine_borrows(
    engine: Engine, editing: EditingSession, speech: Speech, second: Speech, change: dict[str, object]
) -> None:
    edit_state = replace(moved(editing), **change)  # type: ignore[arg-type]
    made = editing.render(engine, edit_state)
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


def test_settings_lay_the_same_sound_out_again(
    engine: Engine, editing: EditingSession, speech: Speech, second: Speech
) -> None:
    stroke = editing.cards[0].edit(Move(), 0.2, 0.6, flatten=True)
    edit_state = replace(moved(editing), latents=DRAWN, other=0, other_voice=True).with_stroke(stroke)
    made = editing.render(engine, edit_state)
    settings = read_prosody_settings(made.settings.model_dump_json().encode())
    again = EditingSession.open(engine, Original("clip", speech), settings.sampling, settings.seed)
    missing = applied(again, settings)
    assert missing is not None
    assert "second recording" in missing.text
    again.others.append(Original("second", second))
    assert applied(again, settings) is None
    rendering = again.render(engine, again.now)
    assert torch.equal(rendering.audio, made.audio)
    assert rendering.settings == made.settings


def test_settings_of_another_recording_are_not_applied(engine: Engine, editing: EditingSession, second: Speech) -> None:
    other = EditingSession.open(engine, Original("other", second), SAMPLING, seed=5)
    note = applied(other, editing.before.settings)
    assert note is not None
    assert "not the recording" in note.text
    assert other.now == EditState()


@pytest.mark.parametrize("data", [b"", b"[1]", b"{}", b"\xff", b" " * 300_000])
def test_a_file_that_is_no_settings_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        read_prosody_settings(data)


def test_a_voice_needs_a_second_recording(engine: Engine, speech: Speech) -> None:
    editing = EditingSession.open(engine, Original("clip", speech), SAMPLING, seed=5)
    with pytest.raises(SettingsError, match="second recording"):
        editing.render(engine, EditState(other_voice=True))


def test_only_some_sounds_are_kept(engine: Engine, editing: EditingSession) -> None:
    for step in range(KEPT_RENDERINGS + 3):
        editing.history.push(moved(editing, shift=0.1 * step))
        editing.render(engine, editing.now)
    assert len(editing.rendered) == KEPT_RENDERINGS
    assert EditState() in editing.rendered
    assert editing.now in editing.rendered


def test_work_reports_and_gives_its_result() -> None:
    def work(progress: CallProgress) -> str:
        progress.at(1, 4)
        return "done"

    def collect() -> Generator[float, None, None]:
        results.append((yield from reported(Run(), work)))

    results: list[str] = []
    assert all(0 <= fraction <= 1 for fraction in collect())
    assert results == ["done"]


def test_a_stopped_run_ends_and_keeps_what_was_there(engine: Engine, editing: EditingSession) -> None:
    run = Run()
    run.stop.set()
    with pytest.raises(Cancelled):
        list(reported(run, lambda progress: editing.render(engine, moved(editing), progress)))
    assert moved(editing) not in editing.rendered


def test_a_closed_page_stops_its_work() -> None:
    run = Run()
    generator = reported(run, lambda progress: run.stop.wait(20))
    next(generator)
    generator.close()
    assert run.stop.is_set()


def test_a_clip_tells_of_every_dimension(speech: Speech) -> None:
    found = clip_evidence(speech)
    assert len(found) == speech.latents.shape[1]
    assert all("nats a frame" in item.text and item.importance >= 0 for item in found)
    drawn = clip_evidence(replace(speech, latents_logstd=None))
    assert all("spread" in item.text for item in drawn)


def test_a_dimension_that_follows_the_energy_is_named_after_it(speech: Speech) -> None:
    from undertone.engine.audio.acoustics import energy_db

    latents = speech.latents.clone()
    latents[:, 1] = energy_db(speech.audio)[: speech.num_frames]
    assert clip_evidence(replace(speech, latents=latents))[1].name == "goes with loudness"


def test_numbers_tell_an_octave_and_six_decibels() -> None:
    low = speechlike(2.0, hz=110)
    rows = {row[0]: row[3] for row in measure_changes(measure_sound(low), measure_sound(0.5 * speechlike(2.0, hz=220)))}
    assert rows["Pitch (mean F0)"].startswith(("+11.", "+12."))
    assert rows["Duration"] == NO_CHANGE
    same = [row[3] for row in measure_changes(measure_sound(low), measure_sound(low))]
    assert set(same) == {NO_CHANGE}
    halved = {row[0]: row[3] for row in measure_changes(measure_sound(low), measure_sound(0.5 * low))}
    assert halved["Loudness of speech"] == "−6.0 dB"


def test_silence_has_no_pitch_to_compare() -> None:
    rows = measure_changes(measure_sound(torch.zeros(16_000)), measure_sound(speechlike(1.0)))
    assert rows[0][1] == TOO_FEW
    assert rows[0][3] == "–"


def test_files_are_the_visitors_own_and_lossless(engine: Engine, editing: EditingSession, tmp_path: Path) -> None:
    here, there = ProsodyVisit(tmp_path), ProsodyVisit(tmp_path)
    wav, settings = saved(here, editing.after)
    assert saved(there, editing.after)[0].read_bytes() == wav.read_bytes()
    assert here.folder != there.folder
    assert read_prosody_settings(settings.read_bytes()) == editing.after.settings
    assert heard(here, editing.after.audio).is_relative_to(here.folder)
    folder = here.folder
    here.close()
    assert not folder.exists()
    assert there.folder.exists()


def test_a_task_that_was_replaced_is_no_longer_taken(tmp_path: Path) -> None:
    visit = ProsodyVisit(tmp_path)
    visit.start("render")
    first = visit.taken("render")
    visit.start("draft")
    assert first is not None
    assert first.run.stop.is_set()
    assert visit.taken("render") is None
    assert visit.taken("draft") is not None
    visit.cancel()
    assert visit.taken("draft") is None


def test_sliders_of_another_bundle_are_left_out(editing: EditingSession) -> None:
    assert read_moves({"z99": [1, 1, 0]}, editing.cards) == {card.id: Move() for card in editing.cards}
