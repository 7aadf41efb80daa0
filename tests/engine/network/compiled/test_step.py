"""The compiled step is the modules' step, for every row of a batch by itself."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.engine.network.network_sizes import random_model
from tests.tiny_bundle import tiny_model_config
from undertone.engine import Engine, Sampling, SettingsError
from undertone.engine.generation.generate import generate
from undertone.engine.network import VAEGSLM, CompiledStep
from undertone.engine.network.compiled import kernels
from undertone.engine.network.compiled.step import can_compile
from undertone.engine.noise import SeededNoise


@pytest.fixture(scope="module")
def step(model: VAEGSLM) -> CompiledStep:
    compiled = CompiledStep.load(model)
    assert compiled is not None
    return compiled


def prompt_frames(batch: int, frames: int = 9) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(24, (batch, frames), generator=generator), torch.randn(batch, frames, 4, generator=generator)


@torch.inference_mode()
def test_states_logits_latents_and_cache_are_those_of_the_modules(model: VAEGSLM, step: CompiledStep) -> None:
    tokens, latents = prompt_frames(3)
    inputs = torch.cat([model.initial_state(SeededNoise([1, 2, 3]), 3), model.fuse(tokens, latents)], dim=1)
    whole = model.transform(inputs)
    cache, other = model.new_cache(3, 12), model.new_cache(3, 12)
    hidden = model.transform(inputs[:, :2], cache=cache)[:, -1]
    model.transform(inputs, cache=other)
    normal = torch.randn(3, 4, generator=torch.Generator().manual_seed(4))
    for frame in range(1, tokens.shape[1]):
        hidden = step.advance(tokens[:, frame], latents[:, frame], cache)
        assert torch.allclose(hidden, whole[:, frame + 1], atol=1e-5)
        logits, drawn = step.draw(hidden, normal, 0.7)
        prior = model.prior(whole[:, frame + 1 : frame + 2])
        expected = model.flow.inverse(prior.base.sample(normal[:, None], 0.7), prior.condition)[:, 0]
        assert torch.allclose(logits, prior.logits[:, 0], atol=1e-5)
        assert torch.allclose(drawn, expected, atol=1e-4)
    assert cache.position == other.position
    assert torch.allclose(cache.keys[:, :, :, :10], other.keys[:, :, :, :10], atol=1e-5)
    assert torch.allclose(cache.values[:, :, :, :10], other.values[:, :, :, :10], atol=1e-5)


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_batch_mates_to_the_bit(model: VAEGSLM, step: CompiledStep) -> None:
    tokens, latents = prompt_frames(1)
    hidden = torch.randn(1, 32, generator=torch.Generator().manual_seed(5))
    many = torch.cat([hidden, torch.randn(4, 32, generator=torch.Generator().manual_seed(6))])
    caches = {1: model.new_cache(1, 12), 5: model.new_cache(5, 12)}
    for frame in range(9):
        alone = step.advance(tokens[:, frame], latents[:, frame], caches[1])
        others = torch.randn(5, 4, generator=torch.Generator().manual_seed(frame))
        others[0] = latents[:, frame]
        together = step.advance(tokens[:, frame].repeat(5), others, caches[5])
        assert torch.equal(together[0], alone[0])
    normal = torch.randn(5, 4, generator=torch.Generator().manual_seed(7))
    for one, all_of_them in zip(step.draw(hidden, normal[:1], 1.0), step.draw(many, normal, 1.0), strict=True):
        assert torch.equal(all_of_them[0], one[0])


@torch.inference_mode()
def test_a_full_cache_is_refused_and_others_than_float32_models_have_no_step(
    model: VAEGSLM, step: CompiledStep
) -> None:
    tokens, latents = prompt_frames(1)
    cache = model.new_cache(1, 1)
    step.advance(tokens[:, 0], latents[:, 0], cache)
    with pytest.raises(ValueError, match="holds 1 positions"):
        step.advance(tokens[:, 1], latents[:, 1], cache)
    half = random_model(tiny_model_config(), 0)
    half.transformer.to(torch.bfloat16)
    assert not can_compile(half)
    assert CompiledStep.load(half) is None


@torch.inference_mode()
def test_a_large_model_is_rounded_and_says_so_and_its_draws_move_by_less_than_bfloat16_would_move_them(
    model: VAEGSLM, step: CompiledStep
) -> None:
    large = CompiledStep(model, is_large=True)
    rounded = kernels.reads_halves()
    assert (step.kind, large.kind) == ("compiled", "compiled-float16" if rounded else "compiled")
    assert (large.weight_bytes < 0.6 * step.weight_bytes) == rounded
    hidden = torch.randn(4, 32, generator=torch.Generator().manual_seed(5))
    coarse = CompiledStep(copy.deepcopy(model).bfloat16().float())
    normal = torch.randn(4, 4, generator=torch.Generator().manual_seed(7))
    exact, half, brain = (one.draw(hidden, normal, 1.0) for one in (step, large, coarse))
    for part in range(2):
        assert (half[part] - exact[part]).abs().max() < 0.3 * (brain[part] - exact[part]).abs().max()


@torch.inference_mode()
def test_draws_are_the_same_from_either(model: VAEGSLM, step: CompiledStep) -> None:
    """With rounding as the only difference, tokens are the same until a draw falls beside a boundary."""
    tokens, latents = prompt_frames(2)
    made = []
    for compiled in (None, step):
        (*_, draft) = generate(model, tokens, latents, 30, Sampling(), SeededNoise([8, 9]), 30, compiled=compiled)
        made.append((draft.tokens.clone(), draft.latents.clone()))
    assert torch.equal(made[0][0], made[1][0])
    assert torch.allclose(made[0][1], made[1][1], atol=1e-3)


def test_takes_say_what_made_their_frames_and_come_again_by_it(tiny_folder: Path, prompt: Tensor) -> None:
    engine = Engine.from_pretrained(tiny_folder)
    speech = engine.analyse(prompt, 16_000)
    for kind in ("compiled", "modules"):
        take = engine.continue_(speech, 0.5, seed=3, step=kind)
        assert take.settings.step == kind
        assert ('"step"' in take.settings.model_dump_json()) == (kind == "compiled")
        again = engine.replay(take.settings.parse(take.settings.model_dump_json()), prompt, 16_000)
        assert torch.equal(again.audio, take.audio)
    assert engine.continue_(speech, 0.2, seed=3).settings.step == "compiled"
    with pytest.raises(SettingsError, match=r"compiled step in float16, which bundle 'tiny' has not"):
        engine.continue_(speech, 0.2, seed=3, step="compiled-float16")


def test_without_a_compiler_the_modules_draw_and_a_compiled_take_is_refused(
    tiny_folder: Path, prompt: Tensor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled = Engine.from_pretrained(tiny_folder)
    speech = compiled.analyse(prompt, 16_000)
    take = compiled.continue_(speech, 0.2, seed=3)
    monkeypatch.setitem(sys.modules, "undertone.engine.network.compiled.kernels", None)
    monkeypatch.delattr("undertone.engine.network.compiled.kernels", raising=False)
    bare = Engine.from_pretrained(tiny_folder)
    assert bare.continue_(speech, 0.2, seed=3).settings.step == "modules"
    assert "the step cannot be compiled here" in caplog.text
    with pytest.raises(SettingsError, match="compiled step, which bundle 'tiny' has not on this machine"):
        bare.replay(take.settings, prompt, 16_000)


def test_without_numba_the_modules_draw_and_the_extra_is_named(
    model: VAEGSLM, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "undertone.engine.network.compiled.kernels", raising=False)
    monkeypatch.delattr("undertone.engine.network.compiled.kernels", raising=False)
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert CompiledStep.load(model) is None
    assert "pip install 'undertone[compiled]'" in caplog.text
