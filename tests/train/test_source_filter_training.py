"""What a source-filter vocoder learns from: YIN's pitch, phase losses that ignore turns, weights of an earlier run."""

import math
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.clips import speechlike
from undertone.engine.config import SourceFilterConfig
from undertone.engine.vocoders import SourceFilter
from undertone.train.loop.budget import Budget
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.initial_weights import start_from
from undertone.train.loop.run import run_stage
from undertone.train.vocoder.phase_losses import PhaseLoss, anti_wrapped
from undertone.train.vocoder.recipe import DiscriminatorConfig, VocoderRecipe
from undertone.train.vocoder.stage import VocoderStage, train_vocoder
from undertone.train.vocoder.yin import yin

TINY = VocoderRecipe(
    generator=SourceFilterConfig(
        channels=16, hidden_channels=24, num_layers=1, pitch_channels=16, pitch_hidden_channels=24, pitch_layers=1
    ),
    discriminators=DiscriminatorConfig(periods=(2,), period_width=2, n_ffts=(256,), resolution_width=2),
    steps=4,
    segment_frames=12,
    batch=2,
    adversarial_batch=2,
    adversarial_from=0.5,
    evaluation_clips=1,
    precision="float32",
)


def _vowel(hz: float, seconds: float = 1.0) -> Tensor:
    time = torch.arange(round(16_000 * seconds)) / 16_000
    return 0.1 * sum((torch.sin(2 * math.pi * hz * k * time + k) / k for k in range(1, 20)), torch.zeros(len(time)))


@pytest.mark.parametrize("hz", [70.0, 118.3, 260.0, 440.0])
def test_yin_reads_the_pitch_of_a_vowel(hz: float) -> None:
    read, voiced = yin(_vowel(hz)[None], 320, 16_000)
    assert read.shape == voiced.shape == (1, 50)
    assert voiced[0, 3:-3].all()
    torch.testing.assert_close(read[0, 3:-3], torch.full((44,), hz), rtol=0.005, atol=0)


def test_yin_calls_noise_unvoiced_and_is_not_moved_by_level() -> None:
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0))
    assert yin(noise, 320, 16_000)[1].float().mean() < 0.05
    loud, quiet = yin(_vowel(150.0)[None], 320, 16_000), yin(0.01 * _vowel(150.0)[None], 320, 16_000)
    torch.testing.assert_close(loud[0], quiet[0], rtol=1e-3, atol=0)


def test_a_phase_difference_ignores_whole_turns() -> None:
    angles = torch.linspace(-3.0, 3.0, 13)
    for turns in (-3, -1, 0, 2):
        torch.testing.assert_close(anti_wrapped(angles + 2 * math.pi * turns), angles.abs(), atol=1e-5, rtol=0)
    assert float(anti_wrapped(torch.tensor([3.5]))) == pytest.approx(2 * math.pi - 3.5, abs=1e-5)


def test_phase_losses_are_zero_for_the_same_sound_at_any_level_and_grow_with_noise() -> None:
    real = speechlike(1.0)[None]
    loss = PhaseLoss()
    values = [float(loss(0.5 * real + noise * torch.randn_like(real), real)) for noise in (0.0, 0.01, 0.1)]
    assert values[0] == pytest.approx(0.0, abs=2e-3)
    assert values[0] < values[1] < values[2]


def test_group_delay_and_instantaneous_frequency_ignore_a_constant_turn_of_all_phases() -> None:
    """A sound and its Hilbert transform differ by a quarter of a turn at every frequency."""
    real = speechlike(1.0)[None]
    spectrum = torch.fft.fft(real)
    half = real.shape[1] // 2
    spectrum[:, 1:half] *= -2j
    spectrum[:, half:] = 0
    turned = torch.fft.ifft(spectrum).real
    losses = [float(PhaseLoss(weights=weights)(turned, real)) for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert losses[0] == pytest.approx(math.pi / 2, abs=0.1)
    assert losses[1] < 0.1  # what is left is at the edges of the clip
    assert losses[2] < 0.1


def test_phase_losses_have_finite_gradients_in_silence() -> None:
    generated = torch.zeros(1, 8000, requires_grad=True)
    PhaseLoss()(generated, torch.zeros(1, 8000)).backward()
    assert generated.grad is not None
    assert torch.isfinite(generated.grad).all()


def test_a_run_trains_pitch_and_sound_and_resumes_bit_for_bit(prepared: Path, tmp_path: Path) -> None:
    recipe = TINY.model_copy(update={"phase_weight": 0.1, "phase_shares": (0.0, 0.0, 1.0)})

    class Adversarial(VocoderStage):
        """At one place of its schedules, which follow the budget."""

        def step(self, step: int, progress: float) -> dict[str, float]:
            return super().step(step, 0.7)

    def after(out: Path, *steps: int) -> dict[str, Tensor]:
        for until in steps:
            accelerator = Accelerator(cpu=True)
            stage = Adversarial(recipe, prepared, accelerator)
            run_stage(stage, out, Budget(steps=until), accelerator)
        return stage.averaged()["vocoder"].state_dict()

    whole, resumed = after(tmp_path / "whole", 4), after(tmp_path / "resumed", 2, 4)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    fresh = VocoderStage(recipe, prepared, Accelerator(cpu=True)).averaged()["vocoder"].state_dict()
    assert not torch.equal(fresh["pitch.head.weight"], whole["pitch.head.weight"])
    assert not torch.equal(fresh["head.weight"], whole["head.weight"])


def test_a_run_starts_with_the_weights_of_another_that_fit(prepared: Path, tmp_path: Path) -> None:
    earlier = SourceFilter(TINY.generator)  # type: ignore[arg-type]
    weights = {name: value + 1 for name, value in earlier.state_dict().items() if not name.startswith("pitch")}
    weights["head.bias"] = torch.zeros(3)  # of another size
    save_file(weights, str(tmp_path / "earlier.safetensors"))
    fresh = SourceFilter(TINY.generator)  # type: ignore[arg-type]
    taken = start_from(fresh, tmp_path / "earlier.safetensors")
    assert "embed.weight" in taken
    assert "head.bias" not in taken
    assert torch.equal(fresh.state_dict()["embed.weight"], weights["embed.weight"])
    with pytest.raises(TrainingError, match="does not exist"):
        start_from(fresh, tmp_path / "nothing.safetensors")
    save_file({"other": torch.zeros(1)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(TrainingError, match="no weight"):
        start_from(fresh, tmp_path / "other.safetensors")
    recipe = TINY.model_copy(update={"start": tmp_path / "earlier.safetensors", "steps": 2})
    train_vocoder(recipe, prepared, tmp_path / "run", cpu=True)
    assert "pitch.head.weight" in load_file(str(tmp_path / "run" / "vocoder.safetensors"))
