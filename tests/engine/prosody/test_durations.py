"""Durations: only what was asked for changes, by as much, no phone is lost, and a JSON gives the sound again."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import speechlike
from undertone.engine import Engine, Sampling, SettingsError
from undertone.engine.config import PhonePartsConfig, PhoneticConfig
from undertone.engine.prosody import (
    DecoderFrames,
    DimensionEdit,
    DurationEdit,
    LatentEdit,
    Pause,
    ProsodySettings,
    SourceRecording,
    Stretch,
    apply_durations,
    continue_from_edited,
    replay_edited,
    resynthesise,
)

RATE_HZ = 16_000
FAST = Sampling(steps=2)
PARTS = PhoneticConfig(num_units=9, phone_parts=PhonePartsConfig(phones=("AA", "B")))
SLOWER = Stretch(factor=1.5, start_seconds=0.4, end_seconds=0.8)


def frames(num_frames: int = 60) -> DecoderFrames:
    """Return phones of four frames, silence among them, with latents that rise by one every frame."""
    tokens = 3 * (torch.arange(num_frames) // 4 % 3)
    rising = torch.arange(num_frames, dtype=torch.float32)[:, None] + torch.tensor([0.0, 0.5])
    return DecoderFrames(tokens, rising, torch.zeros_like(rising), torch.zeros(4))


def edited(*changes: Stretch | Pause, source: DecoderFrames | None = None) -> DecoderFrames:
    return apply_durations(source or frames(), DurationEdit(changes=changes), PARTS)


def test_nothing_asked_for_is_the_very_same() -> None:
    source = frames()
    assert edited(source=source) is source
    assert edited(Stretch(factor=1, start_seconds=0, end_seconds=1), source=source) is source


def test_a_stretch_is_as_long_as_asked_and_leaves_the_rest_alone() -> None:
    source, made = frames(), edited(SLOWER)
    assert len(made.tokens) == 60 + 10
    assert torch.equal(made.latents[:20], source.latents[:20])
    assert torch.equal(made.latents[50:], source.latents[40:])
    assert torch.equal(made.tokens[50:], source.tokens[40:])
    within = made.latents[20:50, 0]
    assert (within.diff() > 0).all()
    assert 19 < within[0] < 21 < 38 < within[-1] < 40  # interpolated, in order


@settings(max_examples=40, deadline=None)
@given(
    tokens=st.lists(st.integers(0, 8), min_size=5, max_size=60),
    factor=st.floats(0.25, 4.0),
    ends=st.tuples(st.integers(0, 40), st.integers(1, 60)).filter(lambda ends: ends[0] < ends[1]),
)
def test_every_phone_stays_in_order(tokens: list[int], factor: float, ends: tuple[int, int]) -> None:
    source = DecoderFrames(torch.tensor(tokens), torch.randn(len(tokens), 2), None, torch.zeros(4))
    start, end = ends
    if start >= len(tokens):
        return
    made = edited(Stretch(factor=factor, start_seconds=start / 50, end_seconds=end / 50), source=source)
    phones = [torch.unique_consecutive(one.tokens // 3).tolist() for one in (source, made)]
    assert phones[0] == phones[1]
    assert made.latents.shape == (len(made.tokens), 2)
    assert torch.isfinite(made.latents).all()


def test_a_pause_is_silence_of_its_length_and_everything_around_it_stays() -> None:
    source, made = frames(), edited(Pause(at_seconds=0.48, seconds=0.3))
    assert len(made.tokens) == 60 + 15
    assert torch.equal(made.latents[:24], source.latents[:24])
    assert torch.equal(made.latents[39:], source.latents[24:])
    assert (made.tokens[24:39] // 3 == 0).all()
    silence = source.latents[source.tokens < 3].mean(0)
    torch.testing.assert_close(made.latents[31], silence)


def test_times_are_those_before_any_change() -> None:
    late = Pause(at_seconds=1.0, seconds=0.2)
    one, other = edited(SLOWER, late), edited(late, SLOWER)
    assert torch.equal(one.latents, other.latents)
    assert torch.equal(one.latents[70:], frames().latents[50:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "stretch", "factor": 9, "start_seconds": 0, "end_seconds": 1}, "factor"),
        ({"kind": "stretch", "factor": 1, "start_seconds": 1, "end_seconds": 1}, "must lie behind"),
        ({"kind": "pause", "at_seconds": 0, "seconds": 60}, "seconds"),
        ({"kind": "warp"}, "kind"),
    ],
)
def test_values_out_of_range_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        DurationEdit.of(changes=(change,))


def test_what_lies_behind_the_end_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"1\.20 s"):
        edited(Pause(at_seconds=5, seconds=0.2))


def test_what_would_become_too_long_is_refused_before_it_is_made() -> None:
    """Factors of stretches that overlap multiply: forty of them would ask for more memory than there is."""
    slowest = Stretch(factor=4, start_seconds=0, end_seconds=1.2)
    pause = Pause(at_seconds=0.4, seconds=3)
    assert len(edited(slowest, slowest).tokens) == 16 * 60
    for changes in ((slowest,) * 4, (slowest,) * 1000, (pause,) * 20, (slowest, slowest, *(pause,) * 14)):
        with pytest.raises(SettingsError, match="it can be 60 s"):
            edited(*changes)


def test_no_pause_without_a_unit_of_silence() -> None:
    with pytest.raises(SettingsError, match="no silence"):
        apply_durations(frames(), DurationEdit(changes=(Pause(at_seconds=0, seconds=1),)), PhoneticConfig())


def test_a_rendering_has_its_durations_in_its_settings_and_is_made_again(tiny_folder: Path, tmp_path: Path) -> None:
    engine, recording = Engine.from_pretrained(tiny_folder, device="cpu"), SourceRecording(speechlike(2.0), RATE_HZ)
    speech = engine.analyse(recording.waveform, RATE_HZ)
    edit = LatentEdit(edits=(DimensionEdit(dimension=1, shift=1.0, start_seconds=0.2, end_seconds=0.6),))
    durations = DurationEdit(changes=(SLOWER,))
    made = resynthesise(engine, speech, edit, sampling=FAST, durations=durations)
    assert made.speech.num_frames == speech.num_frames + 10
    _, text = made.save(tmp_path, "slower")
    again = replay_edited(engine, ProsodySettings.read(text), recording)
    assert torch.equal(again.audio, made.audio)
    plain = resynthesise(engine, speech, edit, sampling=FAST)
    assert "durations" not in plain.settings.model_dump_json()
    assert torch.equal(plain.speech.latents[:20], made.speech.latents[:20])
    onward = continue_from_edited(engine, speech, edit, 0.4, FAST, durations=durations)
    assert onward.prompt_frames == made.speech.num_frames
