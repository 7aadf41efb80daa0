"""What a source-filter vocoder learns from: YIN's pitch, phase losses that ignore turns, weights of an earlier run."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor

from undertone.engine.config import SourceFilterConfig
from undertone.engine.vocoders import SourceFilter
from undertone.train.loop.budget import Budget
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.initial_weights import load_matching_weights
from undertone.train.loop.run import run_stage
from undertone.train.runs.stages import run_vocoder
from undertone.train.vocoder.recipe import DiscriminatorConfig, VocoderRecipe
from undertone.train.vocoder.stage import VocoderStage

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
        return stage.export_networks()["vocoder"].state_dict()

    whole, resumed = after(tmp_path / "whole", 4), after(tmp_path / "resumed", 2, 4)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    fresh = VocoderStage(recipe, prepared, Accelerator(cpu=True)).export_networks()["vocoder"].state_dict()
    assert not torch.equal(fresh["pitch.head.weight"], whole["pitch.head.weight"])
    assert not torch.equal(fresh["head.weight"], whole["head.weight"])


def test_a_run_starts_with_the_weights_of_another_that_fit(prepared: Path, tmp_path: Path) -> None:
    earlier = SourceFilter(TINY.generator)  # type: ignore[arg-type]
    weights = {name: value + 1 for name, value in earlier.state_dict().items() if not name.startswith("pitch")}
    weights["head.bias"] = torch.zeros(3)  # of another size
    save_file(weights, str(tmp_path / "earlier.safetensors"))
    fresh = SourceFilter(TINY.generator)  # type: ignore[arg-type]
    taken = load_matching_weights(fresh, tmp_path / "earlier.safetensors")
    assert "embed.weight" in taken
    assert "head.bias" not in taken
    assert torch.equal(fresh.state_dict()["embed.weight"], weights["embed.weight"])
    with pytest.raises(TrainingError, match="does not exist"):
        load_matching_weights(fresh, tmp_path / "nothing.safetensors")
    save_file({"other": torch.zeros(1)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(TrainingError, match="no weight"):
        load_matching_weights(fresh, tmp_path / "other.safetensors")
    recipe = TINY.model_copy(update={"start": tmp_path / "earlier.safetensors", "steps": 2})
    run_vocoder(recipe, prepared, tmp_path / "run", cpu=True)
    assert "pitch.head.weight" in load_file(str(tmp_path / "run" / "export.safetensors"))
