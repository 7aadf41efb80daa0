"""Renderings: nothing asked for is the plain reconstruction, what is asked for is local, and a JSON gives it again."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from tests.clips import speechlike
from tests.tiny_bundle import NUM_TOKENS
from undertone.engine import CallProgress, Cancelled, Engine, Sampling, SettingsError, Speech
from undertone.engine.generation.decode import BLOCK_FRAMES
from undertone.engine.prosody import (
    DRAFT_STEPS,
    DimensionEdit,
    LatentEdit,
    MorphedLatents,
    OwnLatents,
    ProsodySettings,
    RedrawnLatents,
    SourceRecording,
    TransferredLatents,
    continue_from_edited,
    draft,
    draw_latents,
    morph,
    redraw_latents,
    reference_statistics,
    replay_edited,
    replay_take,
    resynthesise,
)

DEMO = Path(__file__).parents[3] / "assets" / "demo"
RATE_HZ = 16_000
FAST = Sampling(steps=3)
EDIT = LatentEdit(edits=(DimensionEdit(dimension=1, shift=2.0, start_seconds=1.0, end_seconds=1.4),))


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder, device="cpu")


@pytest.fixture(scope="module")
def demo() -> Engine:
    return Engine.from_pretrained(DEMO, device="cpu")


@pytest.fixture(scope="module")
def recordings() -> tuple[SourceRecording, SourceRecording]:
    return SourceRecording(speechlike(6.0), RATE_HZ), SourceRecording(speechlike(4.0, hz=200, seed=1), RATE_HZ)


@pytest.fixture(scope="module")
def clips(tiny: Engine, recordings: tuple[SourceRecording, SourceRecording]) -> tuple[Speech, Speech]:
    first, second = (tiny.analyse(recording.waveform, RATE_HZ) for recording in recordings)
    return first, second


@pytest.fixture(params=["tiny", "demo"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("sampling", [FAST, Sampling(blocks=False, steps=2), Sampling(solver="ddim", steps=2)])
def test_without_an_edit_it_is_the_plain_reconstruction_bit_for_bit(engine: Engine, sampling: Sampling) -> None:
    speech = engine.analyse(speechlike(3.0), RATE_HZ)
    plain = engine.synthesise(speech.tokens, speech.latents, speech.utterance, sampling, seed=5)
    idle = LatentEdit(edits=(DimensionEdit(dimension=0, scale=1.0, shift=0.0),))
    for edit in (None, idle):
        rendering = resynthesise(engine, speech, edit, sampling=sampling, seed=5)
        assert torch.equal(rendering.audio, plain)
        assert torch.equal(rendering.speech.latents, speech.latents)


def test_a_take_said_again_is_the_take(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    take = tiny.continue_(clips[0], 2.0, FAST.model_copy(update={"end": "never"}), seed=3)
    again = resynthesise(tiny, take, sampling=take.settings.sampling, seed=3)
    assert torch.equal(again.audio, take.audio)
    assert again.settings.source.take == take.settings


def test_an_edit_is_heard_where_it_was_made_and_beyond_the_decoders_reach_not_at_all(engine: Engine) -> None:
    speech = engine.analyse(speechlike(6.0), RATE_HZ)
    plain, changed = (resynthesise(engine, speech, edit, sampling=FAST) for edit in (None, EDIT))
    difference = (changed.speech.mel - plain.speech.mel).abs().amax(1)
    tenth_of_a_decibel = 0.1 * math.log(10) / 20
    assert difference[50:70].max() > tenth_of_a_decibel
    reach = FAST.context_frames
    blocks = [0, *torch.tensor([*BLOCK_FRAMES, BLOCK_FRAMES[-1]]).cumsum(0).tolist()]
    for start, end in pairwise(blocks):
        if end + reach <= 50 or start - reach >= 70:  # the block's window does not hold the edit
            assert not difference[start:end].any()
    assert difference[:32].max() < tenth_of_a_decibel  # 18 frames is what one evaluation sees
    assert difference[88:].max() < tenth_of_a_decibel


def test_what_has_not_changed_is_taken_over_to_the_same_bits(engine: Engine) -> None:
    speech = engine.analyse(speechlike(8.0), RATE_HZ)
    plain = resynthesise(engine, speech, sampling=FAST)
    whole = resynthesise(engine, speech, EDIT, sampling=FAST)
    partial = resynthesise(engine, speech, EDIT, sampling=FAST, reuse=plain)
    assert torch.equal(partial.audio, whole.audio)
    assert torch.equal(partial.speech.mel, whole.speech.mel)
    assert 0 < partial.decoded_frames < whole.decoded_frames
    assert resynthesise(engine, speech, EDIT, sampling=FAST, reuse=whole).decoded_frames == 0
    assert torch.equal(resynthesise(engine, speech, sampling=FAST, reuse=partial).audio, plain.audio)


def test_a_rendering_with_other_settings_or_another_voice_is_not_taken_over(
    tiny: Engine, clips: tuple[Speech, Speech]
) -> None:
    first, second = clips
    plain = resynthesise(tiny, first, sampling=FAST)
    for changed in ({"seed": 1}, {"sampling": Sampling(steps=4)}, {"utterance": second.utterance}):
        settings = {"sampling": FAST, "seed": 0, "utterance": None} | changed
        fresh = resynthesise(tiny, first, **settings)  # type: ignore[arg-type]
        reused = resynthesise(tiny, first, reuse=plain, **settings)  # type: ignore[arg-type]
        assert torch.equal(reused.audio, fresh.audio)
        assert reused.decoded_frames == fresh.decoded_frames


def test_draws_from_the_prior_keep_the_tokens_and_their_own_seeds(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    speech = clips[0]
    draws = redraw_latents(tiny, speech, seed=4, num_draws=3)
    assert [draw.shape for draw in draws] == [speech.latents.shape] * 3
    assert not torch.equal(draws[0], draws[1])
    alone = redraw_latents(tiny, speech, seed=5)[0]
    torch.testing.assert_close(draws[1], alone, rtol=1e-3, atol=1e-3)  # row 1 has seed 5; sums differ in rounding
    again = redraw_latents(tiny, speech, seed=4, num_draws=3)
    assert all(torch.equal(a, b) for a, b in zip(draws, again, strict=True))
    latents = RedrawnLatents(seed=4, num_draws=3, index=2)
    rendering = resynthesise(tiny, speech, sampling=FAST, latents=latents)
    assert torch.equal(rendering.speech.tokens, speech.tokens)
    assert torch.equal(rendering.speech.latents, draws[2])


def test_draws_follow_the_tokens_and_never_look_ahead(tiny: Engine) -> None:
    tokens = torch.arange(20) % NUM_TOKENS
    changed = torch.cat([tokens[:12], (tokens[12:] + 1) % NUM_TOKENS])
    first, other = (draw_latents(tiny, those, seed=1)[0] for those in (tokens, changed))
    assert torch.equal(first[:13], other[:13])  # frame 12 is drawn before its token is known
    assert not torch.allclose(first[13:], other[13:])
    assert not torch.equal(first, draw_latents(tiny, tokens, seed=2)[0])


def test_the_temperature_spreads_the_draws(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    spreads = [
        torch.stack(redraw_latents(tiny, clips[1], 1, temperature, num_draws=4)).std(0).mean()
        for temperature in (0.0, 0.5, 1.0)
    ]
    assert spreads[0] < 0.1 * spreads[2]  # without noise only the drawn first input differs
    assert spreads[0] < spreads[1] < spreads[2]


def test_transfer_of_a_recording_onto_itself_is_its_reconstruction(engine: Engine) -> None:
    speech = engine.analyse(speechlike(3.0), RATE_HZ)
    onto_itself = resynthesise(engine, speech, sampling=FAST, latents=TransferredLatents(), other=speech)
    assert torch.equal(onto_itself.audio, resynthesise(engine, speech, sampling=FAST).audio)


def test_another_recordings_latents_and_voice_change_the_sound_and_not_the_tokens(
    tiny: Engine, clips: tuple[Speech, Speech]
) -> None:
    first, second = clips
    plain = resynthesise(tiny, first, sampling=FAST)
    carried = resynthesise(tiny, first, sampling=FAST, latents=TransferredLatents(), other=second)
    voiced = resynthesise(tiny, first, utterance=second.utterance, sampling=FAST)
    for other in (carried, voiced):
        assert torch.equal(other.speech.tokens, first.tokens)
        assert other.audio.shape == plain.audio.shape
        assert not torch.equal(other.audio, plain.audio)
    assert torch.equal(voiced.speech.utterance, second.utterance)


def test_the_ends_of_a_morph_are_the_two_reconstructions(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    first, second = clips
    for amount, end in ((0.0, first), (1.0, second)):
        assert torch.equal(
            morph(tiny, first, second, amount, sampling=FAST).audio, resynthesise(tiny, end, sampling=FAST).audio
        )
    half = morph(tiny, first, second, 0.5, sampling=FAST)
    assert second.seconds < half.speech.seconds < first.seconds


def test_a_draft_takes_few_steps_and_keeps_everything_else() -> None:
    settings = Sampling(token_temperature=0.5, solver="ddim", steps=50)
    assert draft(settings) == settings.model_copy(update={"solver": "dpm++", "steps": DRAFT_STEPS})
    assert draft(Sampling(steps=2)).steps == 2


def test_the_edit_carries_into_what_the_model_says_next(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    edit = LatentEdit(edits=(DimensionEdit(dimension=0, shift=4.0),))
    sampling = FAST.model_copy(update={"end": "never"})
    plain, edited = (continue_from_edited(tiny, clips[0], e, 1.0, sampling, seed=2) for e in (None, edit))
    frames = clips[0].num_frames
    assert torch.equal(plain.audio, tiny.continue_(clips[0], 1.0, sampling, seed=2).audio)
    assert plain.prompt_frames == edited.prompt_frames == frames
    std = reference_statistics(tiny, clips[0]).std[0]
    torch.testing.assert_close(edited.speech.latents[:frames, 0], clips[0].latents[:, 0] + 4 * std)
    assert not torch.equal(edited.speech.latents[frames:], plain.speech.latents[frames:])


def test_an_utterance_from_elsewhere_goes_on_too(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    take = continue_from_edited(tiny, clips[0], None, 0.5, FAST, 1, utterance=clips[1].utterance)
    assert torch.equal(take.speech.utterance, clips[1].utterance)


LATENTS = {
    "own": (OwnLatents(), False),
    "redrawn": (RedrawnLatents(seed=3, num_draws=2, index=1), False),
    "transferred": (TransferredLatents(), True),
    "morphed": (MorphedLatents(amount=0.4), True),
    "morphed-first": (MorphedLatents(amount=0.4, timing="first"), True),
}


@pytest.mark.parametrize("kind", LATENTS)
def test_the_json_gives_the_same_bytes(
    tiny: Engine, recordings: tuple[SourceRecording, SourceRecording], tmp_path: Path, kind: str
) -> None:
    latents, needs_other = LATENTS[kind]
    first, second = recordings
    source = tiny.analyse(first.waveform, RATE_HZ, 0.5, 3.5)
    other = tiny.analyse(second.waveform, RATE_HZ, 0.0, 3.0)
    voice = other.utterance if kind == "own" else None
    made = resynthesise(tiny, source, EDIT, voice, FAST, 9, latents=latents, other=other if needs_other else None)
    wav, settings = made.save(tmp_path, "one")
    again = replay_edited(tiny, settings, first, second if needs_other else None)
    assert again.save(tmp_path, "two")[0].read_bytes() == wav.read_bytes()
    assert again.settings == made.settings == ProsodySettings.read(settings)


def test_a_rendering_of_a_take_and_a_continuation_of_an_edit_replay_too(
    tiny: Engine, recordings: tuple[SourceRecording, SourceRecording], tmp_path: Path
) -> None:
    recording = recordings[0]
    source = tiny.analyse(recording.waveform, RATE_HZ, 0.0, 3.0)
    take = tiny.continue_(source, 1.0, FAST, seed=3)
    edited = resynthesise(tiny, take, EDIT, sampling=FAST)
    assert torch.equal(replay_edited(tiny, edited.save(tmp_path, "take")[1], recording).audio, edited.audio)
    onward = continue_from_edited(tiny, source, EDIT, 1.0, FAST, 4)
    wav, settings = onward.save(tmp_path, "onward")
    again = replay_take(tiny, settings, recording)
    assert again.save(tmp_path, "again")[0].read_bytes() == wav.read_bytes()
    assert again.prosody == onward.prosody


def test_replay_says_what_is_missing_or_other(
    tiny: Engine, recordings: tuple[SourceRecording, SourceRecording]
) -> None:
    first, second = recordings
    source = tiny.analyse(first.waveform, RATE_HZ, 0.0, 3.0)
    made = resynthesise(tiny, source, EDIT, sampling=FAST)
    with pytest.raises(SettingsError, match="another recording"):
        replay_edited(tiny, made.settings, second)
    with pytest.raises(SettingsError, match="another bundle"):
        replay_edited(tiny, made.settings.model_copy(update={"bundle_sha256": "0" * 64}), first)
    with pytest.raises(SettingsError, match="nothing follows"):
        replay_take(tiny, made.settings, first)
    again = resynthesise(tiny, made.speech, sampling=FAST)
    with pytest.raises(SettingsError, match="no saved take"):
        replay_edited(tiny, again.settings, first)
    carried = resynthesise(tiny, source, sampling=FAST, latents=TransferredLatents(), other=source)
    with pytest.raises(SettingsError, match="the other recording too"):
        replay_edited(tiny, carried.settings, first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latents": TransferredLatents()}, "need another recording"),
        ({"seed": -1}, "seed is -1"),
        ({"utterance": torch.zeros(3)}, "utterance has shape"),
        ({"utterance": torch.full((8,), torch.nan)}, "not finite"),
        ({"edit": LatentEdit(edits=(DimensionEdit(dimension=9, shift=1),))}, "dimensions 0 to 3"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    tiny: Engine, clips: tuple[Speech, Speech], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        resynthesise(tiny, clips[0], **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"num_draws": 17}, "num_draws is 17"), ({"seed": 2**31 - 1, "num_draws": 2}, "seed is")],
)
def test_draws_out_of_range_are_refused(
    tiny: Engine, clips: tuple[Speech, Speech], settings: dict[str, int], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        redraw_latents(tiny, clips[0], **settings)  # type: ignore[arg-type]


def stops_after(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is None


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_every_long_call_can_be_stopped(tiny: Engine, clips: tuple[Speech, Speech], calls: int) -> None:
    first, second = clips
    jobs: Iterator[Callable[[CallProgress], object]] = iter(
        [
            lambda progress: resynthesise(tiny, first, sampling=FAST, progress=progress),
            lambda progress: redraw_latents(tiny, first, progress=progress),
            lambda progress: morph(tiny, first, second, 0.5, sampling=FAST, progress=progress),
            lambda progress: continue_from_edited(tiny, first, EDIT, 1.0, FAST, progress=progress),
        ]
    )
    for job in jobs:
        with pytest.raises(Cancelled):
            job(CallProgress(should_stop=stops_after(calls)))


def test_progress_rises_to_the_end(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    seen: list[tuple[int, int]] = []
    resynthesise(
        tiny, clips[0], sampling=FAST, progress=CallProgress(report=lambda done, total: seen.append((done, total)))
    )
    frames = clips[0].num_frames
    assert seen == sorted(seen)
    assert seen[-1] == (frames, frames)
    assert len(seen) > 2


def test_two_requests_share_nothing(tiny: Engine, clips: tuple[Speech, Speech]) -> None:
    before = [tensor.clone() for tensor in (clips[0].tokens, clips[0].latents, clips[0].utterance)]
    one = resynthesise(tiny, clips[0], EDIT, sampling=FAST)
    resynthesise(tiny, clips[1], EDIT, clips[0].utterance, FAST, 8)
    one.speech.latents.zero_()
    one.audio.zero_()
    assert torch.equal(
        resynthesise(tiny, clips[0], EDIT, sampling=FAST, reuse=one).audio,
        resynthesise(tiny, clips[0], EDIT, sampling=FAST).audio,
    )
    after = (clips[0].tokens, clips[0].latents, clips[0].utterance)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
