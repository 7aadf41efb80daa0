"""The engine as its callers use it: analysis, takes, streams, endings, limits, and requests that never meet."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from undertone.engine import AudioError, CallProgress, Cancelled, Chunk, Engine, Sampling, SettingsError, Speech, Take
from undertone.engine.audio.voice_activity import VoiceEnd

RATE = 16_000


@pytest.fixture(scope="module")
def engine(tiny_folder: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder, device="cpu")


@pytest.fixture
def engine_with_end(tiny_folder_with_end: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder_with_end, device="cpu")


@pytest.fixture(scope="module")
def speech(engine: Engine, prompt: Tensor) -> Speech:
    return engine.analyse(prompt, RATE)


def same(a: Take, b: Take) -> bool:
    return all(
        torch.equal(getattr(a.speech, name), getattr(b.speech, name)) for name in ("tokens", "latents", "mel", "audio")
    )


def test_analysis_has_one_of_everything_per_frame(engine: Engine, speech: Speech) -> None:
    frames = 125
    assert speech.num_frames == frames
    assert speech.seconds == 2.5
    assert speech.tokens.dtype == torch.int64
    assert speech.latents_logstd is not None
    assert speech.latents.shape == speech.latents_logstd.shape == (frames, 4)
    assert speech.mel.shape == (frames, 80)
    assert speech.utterance.shape == (8,)
    assert speech.audio.shape == (40_000,)
    speech.latents.clone().add_(1.0)
    assert not speech.latents.is_inference()


def test_analysis_cuts_first_and_takes_any_rate_and_type(engine: Engine, prompt: Tensor) -> None:
    cut = engine.analyse(prompt, RATE, start_seconds=0.5, end_seconds=2.0)
    assert (cut.num_frames, cut.start_seconds, cut.end_seconds) == (75, 0.5, 2.0)
    direct = engine.analyse(prompt[8_000:32_000], RATE)
    assert torch.equal(cut.tokens, direct.tokens)
    assert torch.equal(cut.latents, direct.latents)
    stereo = np.stack([prompt.numpy()] * 2, 1)
    assert torch.equal(engine.analyse(torch.from_numpy(stereo), RATE).tokens, engine.analyse(prompt, RATE).tokens)
    odd = engine.analyse(prompt[:39_999], RATE)
    assert odd.num_frames == 125


def test_loudness_of_the_prompt_does_not_matter(engine: Engine, prompt: Tensor) -> None:
    loud, quiet = engine.analyse(prompt, RATE), engine.analyse(prompt / 8, RATE)
    assert torch.allclose(loud.audio, quiet.audio, atol=1e-4)


def test_tokens_that_are_fewer_or_more_than_mel_frames_are_aligned(engine: Engine, prompt: Tensor) -> None:
    tokenizer, tokens = engine.bundle.tokenizer, engine.bundle.tokenizer.tokens
    try:
        for change in (-1, 1):
            tokenizer.tokens = (  # type: ignore[method-assign]
                lambda wave, change=change: tokens(wave)[:-1] if change < 0 else torch.cat([tokens(wave)] * 2)
            )
            speech = engine.analyse(prompt, RATE)
            expected = 125 + min(change, 0)
            assert speech.tokens.shape[0] == speech.mel.shape[0] == speech.latents.shape[0] == expected
    finally:
        del tokenizer.tokens  # type: ignore[misc]


@pytest.mark.parametrize("count", [1, 3])
def test_the_stream_is_the_whole_bit_for_bit(engine: Engine, speech: Speech, count: int) -> None:
    chunks = list(engine.stream(speech, 4.0, seed=5, num_takes=count))
    takes = engine.takes(speech, 4.0, seed=5, num_takes=count)
    assert [len(chunk.takes) for chunk in chunks] == [0] * (len(chunks) - 1) + [count]
    for i, take in enumerate(takes):
        assert torch.equal(torch.cat([chunk.of(i) for chunk in chunks]), take.audio)
        assert same(chunks[-1].takes[i], take)
        assert take.audio.numel() == take.speech.num_frames * 320


def test_sound_comes_before_the_first_frame_is_drawn(engine: Engine, speech: Speech) -> None:
    first: Chunk = next(iter(engine.stream(speech, 4.0, seed=1)))
    assert first.frames_done == speech.num_frames
    assert first.lengths[0] > 0.3 * RATE


@pytest.mark.parametrize(
    ("seconds", "count", "sampling"),
    [
        (1.0, 1, Sampling(steps=2, end="never")),
        (4.0, 3, Sampling(steps=2)),
        (2.0, 1, Sampling(steps=2, prompt_temperature=0.7)),
    ],
)
def test_takes_begin_with_the_opening_of_their_seed(
    engine: Engine, speech: Speech, seconds: float, count: int, sampling: Sampling
) -> None:
    opening = engine.opening(speech, seconds, sampling, 5, count, most_seconds=speech.seconds + 0.5)
    first, *others = engine.takes(speech, seconds, sampling, seed=5, num_takes=count)
    assert len(opening) == round((speech.seconds + 0.5) * RATE)
    assert torch.equal(opening, first.audio[: len(opening)])
    assert all(not torch.equal(opening, take.audio[: len(opening)]) for take in others)
    assert torch.equal(engine.opening(speech, seconds, sampling, 5, count, 0.2), opening[: round(0.2 * RATE)])


def test_progress_moves_often_and_ends_at_the_total(engine: Engine, speech: Speech) -> None:
    seen: list[tuple[int, int]] = []
    engine.continue_(speech, 2.0, seed=1, progress=CallProgress(report=lambda done, total: seen.append((done, total))))
    assert seen[-1] == (225, 225)
    assert len(seen) >= 10
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_stop_ends_the_stream_without_takes(engine: Engine, speech: Speech) -> None:
    seen: list[Chunk] = []
    stream = engine.stream(speech, 10.0, seed=1, progress=CallProgress(lambda: len(seen) > 2))
    with pytest.raises(Cancelled):
        seen.extend(stream)
    assert not seen[-1].takes
    assert seen[-1].frames_done < 300


def test_a_stop_is_heard_within_a_block(engine: Engine, speech: Speech, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of a hundred steps takes seconds, and on a busy machine a minute."""
    unet = engine.bundle.model.decoder.unet
    denoise, steps = unet.denoise, []

    def counted(*arguments: Tensor) -> Tensor:
        steps.append(1)
        return denoise(*arguments)

    monkeypatch.setattr(unet, "denoise", counted)
    sampling = Sampling(solver="ddim", steps=50)
    with pytest.raises(Cancelled):
        engine.takes(speech, 4.0, sampling, seed=1, num_takes=2, progress=CallProgress(lambda: len(steps) >= 5))
    assert len(steps) == 5


def test_the_same_settings_give_the_same_samples_beside_other_requests(engine: Engine, prompt: Tensor) -> None:
    """Two visitors with other voices, seeds and settings, at once and several times, against each alone."""
    voices = [engine.analyse(prompt, RATE), engine.analyse(prompt.flip(0)[:32_000], RATE)]
    settings = [Sampling(end="never"), Sampling(token_temperature=1.2, top_k=5, solver="ddim", steps=6, end="voice")]

    def ask(i: int) -> Take:
        return engine.takes(voices[i % 2], 2.0 + i % 2, settings[i % 2], seed=i, num_takes=1 + i % 2)[-1]

    alone = [ask(i) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(ask, range(6)))
    assert all(same(a, b) for a, b in zip(alone, together, strict=True))
    assert not same(alone[0], alone[2])


def test_analyses_at_once_do_not_meet(engine: Engine, prompt: Tensor) -> None:
    parts = [prompt[i * 1_000 : i * 1_000 + 24_000] for i in range(6)]
    alone = [engine.analyse(part, RATE) for part in parts]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda part: engine.analyse(part, RATE), parts))
    assert all(a.frames_sha256 == b.frames_sha256 for a, b in zip(alone, together, strict=True))


def test_nothing_of_a_request_stays_on_the_engine(engine: Engine, speech: Speech) -> None:
    def contents() -> dict[str, object]:
        return {key: value for key, value in vars(engine).items() if not isinstance(value, torch.nn.Module)}

    before = contents()
    engine.continue_(speech, 1.0, seed=1)
    assert contents() == before


def test_take_i_is_the_take_alone_with_its_seed(engine: Engine, speech: Speech) -> None:
    sampling = Sampling(end="never")
    together = engine.takes(speech, 2.0, sampling, seed=40, num_takes=3)
    for i, take in enumerate(together):
        alone = engine.continue_(speech, 2.0, sampling, seed=40 + i)
        assert torch.equal(take.speech.tokens, alone.speech.tokens)
        assert torch.allclose(take.audio, alone.audio, atol=1e-3)  # rounding of sums differs by batch size


def test_a_seed_is_drawn_and_returned(engine: Engine, speech: Speech) -> None:
    first, second = engine.continue_(speech, 0.5), engine.continue_(speech, 0.5)
    assert first.settings.seed != second.settings.seed
    assert same(first, engine.continue_(speech, 0.5, seed=first.settings.seed))


def test_frames_and_seed_of_a_take_give_its_sound(engine: Engine, speech: Speech) -> None:
    take = engine.continue_(speech, 2.0, Sampling(end="never"), seed=9)
    part = take.speech
    assert torch.equal(engine.synthesise(part.tokens, part.latents, part.utterance, seed=9), take.audio)
    assert not torch.equal(engine.synthesise(part.tokens, part.latents, part.utterance, seed=8), take.audio)


def test_the_prompt_can_be_sampled_per_take(engine: Engine, speech: Speech) -> None:
    takes = engine.takes(speech, 0.5, Sampling(prompt_temperature=1.0), seed=1, num_takes=2)
    latents = [take.speech.latents[: take.prompt_frames] for take in takes]
    assert not torch.equal(latents[0], latents[1])
    assert not torch.equal(latents[0], speech.latents)


def test_a_learned_end_cuts_the_take(engine_with_end: Engine, prompt: Tensor) -> None:
    model = engine_with_end.bundle.model
    model.prior_head.token_logits.bias.data[model.config.num_tokens] += 1.5
    speech = engine_with_end.analyse(prompt, RATE)
    takes = engine_with_end.takes(speech, 3.0, Sampling(min_seconds=0.2), seed=1, num_takes=4)
    assert "learned" in {take.ended for take in takes}
    assert len({take.speech.num_frames for take in takes}) > 1
    for take in takes:
        assert take.speech.num_frames >= speech.num_frames + 10
        assert take.audio.numel() == take.speech.num_frames * 320
        assert (take.ended == "learned") == (take.speech.num_frames < speech.num_frames + 150)
        assert int(take.speech.tokens.max()) < model.config.num_tokens
    chunks = list(engine_with_end.stream(speech, 3.0, Sampling(min_seconds=0.2), seed=1, num_takes=4))
    for i, take in enumerate(takes):
        assert torch.equal(torch.cat([chunk.of(i) for chunk in chunks]), take.audio)


def test_the_end_of_the_voice_cuts_the_take(engine: Engine, speech: Speech, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = engine.continue_(speech, 4.0, Sampling(end="never"), seed=2)
    assert whole.ended == "limit"
    said = 3.5 * RATE
    monkeypatch.setattr(
        "undertone.engine.audio.voice_activity._segments", lambda _, samples: [(0, int(min(samples, said)))]
    )
    cut = engine.continue_(speech, 4.0, Sampling(end="voice", min_seconds=1.0), seed=2)
    assert cut.ended == "voice"
    assert cut.speech.num_frames == np.ceil((said + 0.25 * RATE) / 320)
    assert torch.equal(cut.audio, whole.audio[: cut.audio.numel()])
    assert cut.speech.mel.shape[0] == cut.speech.latents.shape[0] == cut.speech.num_frames


def test_a_silent_continuation_keeps_its_shortest_length(engine: Engine, speech: Speech) -> None:
    take = engine.continue_(speech, 3.0, Sampling(end="voice", min_seconds=0.5), seed=2)
    assert take.ended == "voice"  # random weights say nothing
    assert take.speech.num_frames == speech.num_frames + 25
    assert take.prompt_audio.numel() == speech.num_frames * 320
    assert take.continuation_audio.numel() == 25 * 320


def test_voices_are_heard_per_take(engine: Engine, speech: Speech, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[VoiceEnd] = []
    monkeypatch.setattr(
        "undertone.engine.generation.stream.VoiceEnd", lambda *a, **k: made.append(VoiceEnd(*a, **k)) or made[-1]
    )
    engine.takes(speech, 0.5, Sampling(end="voice"), seed=1, num_takes=3)
    assert len({id(end) for end in made}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": 0.0}, "seconds is 0"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"seconds": 60.0}, r"0\.02 to 17\.98 s"),
        ({"num_takes": 0}, "num_takes is 0"),
        ({"num_takes": 17}, "1 to 16"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**31}, "seed is"),
        ({"sampling": Sampling(end="learned")}, "has learned no end"),
    ],
)
def test_requests_out_of_range_are_refused_at_once(
    engine: Engine, speech: Speech, change: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        engine.stream(speech, **{"seconds": 1.0, **change})  # type: ignore[arg-type]


def test_the_longest_continuation_fills_the_positions(engine: Engine, prompt: Tensor) -> None:
    speech = engine.analyse(prompt, RATE, end_seconds=1.0)
    take = engine.continue_(speech, engine.max_seconds - 1.0, Sampling(end="never", steps=1), seed=1)
    assert take.speech.num_frames == 1024


def test_frames_that_do_not_fit_are_refused(engine: Engine, speech: Speech) -> None:
    tokens, latents, utterance = speech.tokens, speech.latents, speech.utterance
    for bad, message in [
        ((tokens + 24, latents, utterance), "expected 0 to 23"),
        ((tokens[:-1], latents, utterance), "latents has shape"),
        ((tokens[:0], latents[:0], utterance), "not empty"),
        ((tokens, latents * torch.nan, utterance), "not finite"),
        ((tokens, latents, utterance[:3]), "utterance has shape"),
    ]:
        with pytest.raises(SettingsError, match=message):
            engine.synthesise(*bad)


def test_prompts_out_of_limits_are_refused(engine: Engine, prompt: Tensor) -> None:
    with pytest.raises(AudioError, match="at least 1 s"):
        engine.analyse(prompt, RATE, end_seconds=0.5)
    with pytest.raises(AudioError, match="silent"):
        engine.analyse(torch.zeros(40_000), RATE)
    with pytest.raises(AudioError, match="cannot cut"):
        engine.analyse(prompt, RATE, start_seconds=9.0)


def test_bfloat16_runs_close_to_float32(tiny_folder: Path, engine: Engine, speech: Speech) -> None:
    half = Engine.from_pretrained(tiny_folder, device="cpu", dtype="bfloat16")
    assert half.bundle.model.transformer.input.weight.dtype == torch.bfloat16
    sampling = Sampling(end="never", token_temperature=0.0, latent_temperature=0.0)
    takes = [e.continue_(speech, 0.1, sampling, seed=1) for e in (half, engine)]
    assert torch.allclose(takes[0].speech.latents, takes[1].speech.latents, atol=0.3)
