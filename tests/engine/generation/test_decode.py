"""Blockwise decoding: fixed by the frame index alone, early, and close to decoding the whole at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_bundle import NUM_TOKENS, make_tiny_bundle
from undertone.engine import Engine
from undertone.engine.bundle import Bundle, load_bundle
from undertone.engine.config import SourceFilterConfig
from undertone.engine.generation.decode import BLOCK_FRAMES, FrameNoise, TakeDecoder, decode_mel, vocoder_context
from undertone.engine.generation.sampling import Sampling
from undertone.engine.vocoders import SourceFilter

T = 400
DEMO = Path(__file__).parents[3] / "assets" / "demo"


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def bundle(tiny_folder: Path) -> Bundle:
    return load_bundle(tiny_folder)


def frames(count: int = T) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(NUM_TOKENS, (count,), generator=generator), torch.randn(count, 4, generator=generator)


def decoder(bundle: Bundle, sampling: Sampling = Sampling(), seed: int = 3) -> TakeDecoder:
    return TakeDecoder(bundle, torch.ones(1, bundle.config.model.utterance.dim), sampling, seed)


@settings(deadline=None, max_examples=40)
@given(first=st.integers(0, 300), count=st.integers(1, 200), seed=st.integers(0, 2**31))
def test_noise_belongs_to_the_frame_not_to_the_window(first: int, count: int, seed: int) -> None:
    whole, window = FrameNoise(seed, 0, 500), FrameNoise(seed, first, count)
    for _ in range(3):
        assert torch.equal(whole.normal(1, 500, 5)[:, first : first + count], window.normal(1, count, 5))


def test_noise_differs_by_seed_and_run_and_is_normal() -> None:
    draws = torch.stack([FrameNoise(seed, 0, 640).normal(1, 640, 80)[0] for seed in range(4)])
    rows = draws.view(4 * 10, -1)
    correlation = torch.corrcoef(rows) - torch.eye(40)
    assert correlation.abs().max() < 0.1
    assert draws.mean().abs() < 0.01
    assert abs(draws.std() - 1) < 0.01


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(solver="ddim", steps=4, eta=1.0), Sampling(blocks=False)])
@pytest.mark.parametrize("step", [1, 7, 90, T])
def test_fed_in_pieces_is_fed_at_once_bit_for_bit(bundle: Bundle, sampling: Sampling, step: int) -> None:
    tokens, latents = frames()
    at_once, in_pieces = decoder(bundle, sampling), decoder(bundle, sampling)
    whole = at_once.feed(tokens, latents, complete=True)
    pieces = [in_pieces.feed(tokens[:n], latents[:n], complete=False) for n in range(step, T + 1, step)]
    pieces.append(in_pieces.feed(tokens, latents, complete=True))
    assert torch.equal(torch.cat(pieces), whole)
    assert torch.equal(in_pieces.mel, at_once.mel)
    assert whole.numel() == T * 320


def test_the_first_sound_needs_only_the_first_block(bundle: Bundle) -> None:
    tokens, latents = frames()
    fed = decoder(bundle)
    needed = BLOCK_FRAMES[0] + Sampling().context_frames
    assert fed.feed(tokens[: needed - 1], latents[: needed - 1], complete=False).numel() == 0
    context = vocoder_context(bundle.vocoder)
    assert context is not None
    assert fed.feed(tokens[:needed], latents[:needed], complete=False).numel() == (BLOCK_FRAMES[0] - context) * 320


def test_later_frames_never_change_earlier_sound(bundle: Bundle) -> None:
    tokens, latents = frames()
    longer, shorter = decoder(bundle), decoder(bundle)
    other = (tokens + 1) % NUM_TOKENS
    same = sum(BLOCK_FRAMES[:2])
    end = same + Sampling().context_frames
    longer.feed(tokens, latents, complete=True)
    shorter.feed(torch.cat([tokens[:end], other[end:]]), latents, complete=True)
    assert torch.equal(longer.mel[:same], shorter.mel[:same])
    assert not torch.equal(longer.mel[same:], shorter.mel[same:])


@pytest.mark.parametrize("solver", ["dpm++", "ddim"])
def test_blocks_are_close_to_the_whole_and_closer_with_more_context(bundle: Bundle, solver: str) -> None:
    tokens, latents = frames()
    error = {}
    for context in (18, 60, 200):
        sampling = Sampling.of(solver=solver, steps=8, context_frames=context)
        blocks, whole = decoder(bundle, sampling), decoder(bundle, sampling.model_copy(update={"blocks": False}))
        blocks.feed(tokens, latents, complete=True)
        whole.feed(tokens, latents, complete=True)
        error[context] = (blocks.mel - whole.mel).abs().mean().item() / whole.mel.std().item()
    assert error[18] < 0.05
    assert error[60] < error[18] / 2
    assert error[200] < 1e-5  # 8 evaluations that see 18 frames each: 144 frames decide everything


@pytest.mark.skipif(not (DEMO / "bundle.json").is_file(), reason="assets/demo: make it with `undertone demo-bundle`")
def test_seams_of_the_demo_voice_cannot_be_heard(prompt: torch.Tensor) -> None:
    engine = Engine.from_pretrained(DEMO, device="cpu")
    speech = engine.analyse(prompt, 16_000)
    mel = {}
    for blocks in (True, False):
        fed = TakeDecoder(engine.bundle, speech.utterance[None], Sampling(blocks=blocks), seed=3)
        fed.feed(speech.tokens, speech.latents, complete=True)
        mel[blocks] = fed.mel
    seam = BLOCK_FRAMES[0]
    error = (mel[True] - mel[False])[seam - 4 : seam + 4].abs().mean().item()
    assert error < 0.05  # nats of magnitude: 0.4 dB, below what a level change needs to be noticed


def test_the_whole_is_the_published_decoding(bundle: Bundle) -> None:
    tokens, latents = frames(60)
    sampling = Sampling(solver="ddim", steps=5, blocks=False)
    fed = decoder(bundle, sampling)
    audio = fed.feed(tokens, latents, complete=True)
    utterance = torch.ones(1, bundle.config.model.utterance.dim)
    mel = decode_mel(bundle.model, tokens[None], latents[None], utterance, sampling, FrameNoise(3, 0, 60))[0]
    config = bundle.config.model.mel
    assert torch.equal(fed.mel, mel * config.std + config.mean)
    assert torch.equal(audio, bundle.vocoder(fed.mel[None])[0])


def test_blocks_of_the_vocoder_have_no_seam(bundle: Bundle) -> None:
    tokens, latents = frames()
    fed = decoder(bundle)
    audio = fed.feed(tokens, latents, complete=True)
    assert torch.allclose(audio, bundle.vocoder(fed.mel[None])[0], atol=1e-5)


def test_a_vocoder_without_context_speaks_when_all_is_there(tmp_path: Path) -> None:
    bundle = load_bundle(make_tiny_bundle(tmp_path / "b", streaming_vocoder=False))
    tokens, latents = frames(150)
    fed = decoder(bundle)
    assert fed.feed(tokens, latents, complete=False).numel() == 0
    assert fed.feed(tokens, latents, complete=True).numel() == 150 * 320


class _Quiet(SourceFilter):
    """Brings the mels of random weights, which reach e ** 30, to the level of speech."""

    def forward(self, log_mel: torch.Tensor, first_frame: int = 0, history: int = 0) -> torch.Tensor:
        return super().forward(0.1 * log_mel - 6.0, first_frame, history)


def test_a_vocoder_that_counts_periods_speaks_the_same_in_blocks_and_at_once(tiny_folder: Path) -> None:
    """The history of its pulses goes with every block, and its noise knows where in the take it is."""
    loaded = load_bundle(tiny_folder)
    torch.manual_seed(0)
    vocoder = _Quiet(SourceFilterConfig(channels=16, hidden_channels=32, num_layers=2, anchor_frames=6)).eval()
    bundle = replace(loaded, vocoder=vocoder)
    tokens, latents = frames()
    at_once, in_pieces = decoder(bundle), decoder(bundle)
    whole = at_once.feed(tokens, latents, complete=True)
    pieces = [in_pieces.feed(tokens[:n], latents[:n], complete=False) for n in range(50, T + 1, 50)]
    pieces.append(in_pieces.feed(tokens, latents, complete=True))
    assert torch.equal(torch.cat(pieces), whole)
    torch.testing.assert_close(whole, vocoder(at_once.mel[None])[0], atol=1e-4, rtol=1e-3)
