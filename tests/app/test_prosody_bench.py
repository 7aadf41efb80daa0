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
from undertone.engine import Engine, Sampling, SettingsError, Speech
from undertone.engine.prosody import (
    CallProgress,
    Cancelled,
    MorphedLatents,
    RedrawnLatents,
    TransferredLatents,
    resynthesise,
)

SAMPLING = Sampling(steps=2)
DRAWN = RedrawnLatents(seed=3, num_draws=2, index=1)


@pytest.fixture(scope="module")
def speech(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.1, 1.6)


@pytest.fixture(scope="module")
def second(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0, hz=210, seed=4), SAMPLE_RATE_HZ, 0.0, 1.2)


@pytest.fixture
def bench(engine: Engine, speech: Speech, second: Speech) -> EditingSession:
    bench = EditingSession.open(engine, Original("clip", speech), SAMPLING, seed=5)
    bench.others.append(Original("second", second))
    return bench


def moved(bench: EditingSession, shift: float = 1.5, card: str = "z2") -> EditState:
    return bench.now.with_moves({card: Move(shift=shift)}, bench.cards)


def test_nothing_moved_is_the_reconstruction(engine: Engine, bench: EditingSession, speech: Speech) -> None:
    expected = engine.synthesise(speech.tokens, speech.latents, speech.utterance, SAMPLING, seed=5)
    assert torch.equal(bench.before.audio, expected)
    assert torch.equal(bench.after.audio, expected)


def test_a_moved_card_is_the_engines_edit(engine: Engine, bench: EditingSession, speech: Speech) -> None:
    arrangement = moved(bench)
    expected = resynthesise(engine, speech, arrangement.edit(bench.cards), sampling=SAMPLING, seed=5)
    made = bench.render(engine, arrangement)
    assert torch.equal(made.audio, expected.audio)
    assert made.settings == expected.settings
    assert not torch.equal(made.audio, bench.before.audio)
    assert bench.render(engine, arrangement) is made


def test_a_draft_is_quicker_and_gives_way_to_what_is_there(engine: Engine, speech: Speech) -> None:
    bench = EditingSession.open(engine, Original("clip", speech), Sampling(steps=9), seed=5)
    assert bench.draft(engine, moved(bench)).settings.sampling.steps < 9
    full = bench.render(engine, moved(bench))
    assert bench.draft(engine, moved(bench)) is full


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
    engine: Engine, bench: EditingSession, speech: Speech, second: Speech, change: dict[str, object]
) -> None:
    arrangement = replace(moved(bench), **change)  # type: ignore[arg-type]
    made = bench.render(engine, arrangement)
    expected = resynthesise(
        engine,
        speech,
        arrangement.edit(bench.cards),
        second.utterance if arrangement.other_voice else None,
        SAMPLING,
        5,
        latents=arrangement.latents,
        other=second if arrangement.other == 0 else None,
    )
    assert torch.equal(made.audio, expected.audio)
    assert made.settings == expected.settings


def test_settings_lay_the_same_sound_out_again(
    engine: Engine, bench: EditingSession, speech: Speech, second: Speech
) -> None:
    stroke = bench.cards[0].edit(Move(), 0.2, 0.6, flatten=True)
    arrangement = replace(moved(bench), latents=DRAWN, other=0, other_voice=True).with_stroke(stroke)
    made = bench.render(engine, arrangement)
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


def test_settings_of_another_recording_are_not_applied(engine: Engine, bench: EditingSession, second: Speech) -> None:
    other = EditingSession.open(engine, Original("other", second), SAMPLING, seed=5)
    note = applied(other, bench.before.settings)
    assert note is not None
    assert "not the recording" in note.text
    assert other.now == EditState()


@pytest.mark.parametrize("data", [b"", b"[1]", b"{}", b"\xff", b" " * 300_000])
def test_a_file_that_is_no_settings_is_refused(data: bytes) -> None:
    with pytest.raises(SettingsError):
        read_prosody_settings(data)


def test_a_voice_needs_a_second_recording(engine: Engine, speech: Speech) -> None:
    bench = EditingSession.open(engine, Original("clip", speech), SAMPLING, seed=5)
    with pytest.raises(SettingsError, match="second recording"):
        bench.render(engine, EditState(other_voice=True))


def test_only_some_sounds_are_kept(engine: Engine, bench: EditingSession) -> None:
    for step in range(KEPT_RENDERINGS + 3):
        bench.history.push(moved(bench, shift=0.1 * step))
        bench.render(engine, bench.now)
    assert len(bench.rendered) == KEPT_RENDERINGS
    assert EditState() in bench.rendered
    assert bench.now in bench.rendered


def test_work_reports_and_gives_its_result() -> None:
    def work(watch: CallProgress) -> str:
        watch.at(1, 4)
        return "done"

    def collect() -> Generator[float, None, None]:
        results.append((yield from reported(Run(), work)))

    results: list[str] = []
    assert all(0 <= fraction <= 1 for fraction in collect())
    assert results == ["done"]


def test_a_stopped_run_ends_and_keeps_what_was_there(engine: Engine, bench: EditingSession) -> None:
    run = Run()
    run.stop.set()
    with pytest.raises(Cancelled):
        list(reported(run, lambda watch: bench.render(engine, moved(bench), watch)))
    assert moved(bench) not in bench.rendered


def test_a_closed_page_stops_its_work() -> None:
    run = Run()
    generator = reported(run, lambda watch: run.stop.wait(20))
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
    from undertone.engine.acoustics import energy_db

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


def test_files_are_the_visitors_own_and_lossless(engine: Engine, bench: EditingSession, tmp_path: Path) -> None:
    here, there = ProsodyVisit(tmp_path), ProsodyVisit(tmp_path)
    wav, settings = saved(here, bench.after)
    assert saved(there, bench.after)[0].read_bytes() == wav.read_bytes()
    assert here.folder != there.folder
    assert read_prosody_settings(settings.read_bytes()) == bench.after.settings
    assert heard(here, bench.after.audio).is_relative_to(here.folder)
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


def test_sliders_of_another_bundle_are_left_out(bench: EditingSession) -> None:
    assert read_moves({"z99": [1, 1, 0]}, bench.cards) == {card.id: Move() for card in bench.cards}
