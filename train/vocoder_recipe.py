"""What decides a vocoder run, but for its data and its output folder."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from engine.config import Config, HiFiGANConfig, VocosConfig
from engine.yaml_text import read_yaml
from train.clock import Budget


class DiscriminatorConfig(Config):
    """Which discriminators judge the vocoder, and how wide they are."""

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)  # arXiv 2010.05646
    period_width: int = 16
    n_ffts: tuple[int, ...] = (1024, 512, 256)
    resolution_width: int = 8


class VocoderRecipe(Config):
    """The vocoder stage's settings; the defaults are the small recipe for one CPU thread."""

    stage: Literal["vocoder"] = "vocoder"
    name: str = "vocoder"
    generator: Annotated[HiFiGANConfig | VocosConfig, Field(discriminator="kind")] = VocosConfig()
    discriminators: DiscriminatorConfig = DiscriminatorConfig()
    steps: int | None = None  # a budget in steps, or
    minutes: float | None = 60.0  # in minutes of training, or
    frames: int | None = None  # in frames seen, over all processes
    segment_frames: int = 48  # 0.96 s
    batch: int = 8
    adversarial_batch: int = 5  # an adversarial segment costs four times as much, and steps count for more than width
    gradient_accumulation: int = 1  # gradients are added over micro-batches and processes
    pool_shards: int = 2  # of a corpus in shards: how many are in memory, about 150 MB each with their samples
    gain_db: tuple[float, float] = (-6.0, 3.0)  # drawn for every segment
    learning_rate: float = 5e-4  # at its height; falls to a twentieth as a cosine of the budget
    warmup_steps: int = 200
    betas: tuple[float, float] = (0.8, 0.99)
    adversarial_from: float = 0.2  # share of the budget after which the discriminators join
    adversarial_ramp: float = 0.03  # share of the budget over which their weight grows
    spectral_weight: float = 1.0  # weights are shares of the gradient at the waveform, see `balanced_gradient`
    adversarial_weight: float = 0.3
    feature_weight: float = 0.7
    discriminator_rate_factor: float = 2.0  # of the learning rate: they join late and must catch up
    average_decay: float = 0.999  # of the exported, averaged generator
    precision: Literal["bf16", "float32"] = "bf16"
    evaluation_clips: int = 24
    seed: int = 0

    @property
    def budget(self) -> Budget:
        """When the run ends: steps rule where they are given, as the default is in minutes."""
        minutes = self.minutes if self.steps is None and self.frames is None else None
        return Budget(self.steps, minutes, self.frames)


def load_vocoder_recipe(path: Path) -> VocoderRecipe:
    """Read and check a recipe file."""
    return VocoderRecipe.model_validate(read_yaml(path))
