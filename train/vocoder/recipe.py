"""The recipe of a vocoder run."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from undertone.engine.config import Config, HiFiGANConfig, SourceFilterConfig, VocosConfig
from undertone.train.loop.settings import (
    Count,
    CountOrNone,
    GainRange,
    Minutes,
    Rate,
    Seed,
    Share,
    ShareBelowOne,
    TimedSettings,
    Weight,
)


class DiscriminatorConfig(Config):
    """Sizes of the vocoder's discriminators."""

    periods: tuple[Count, ...] = (2, 3, 5, 7, 11)  # arXiv 2010.05646
    period_width: Count = 16
    n_ffts: tuple[Count, ...] = (1024, 512, 256)
    resolution_width: Count = 8


class VocoderRecipe(TimedSettings):
    """The vocoder stage's settings; the defaults are the small recipe for one CPU thread."""

    stage: Literal["vocoder"] = "vocoder"
    name: str = "vocoder"
    generator: Annotated[HiFiGANConfig | VocosConfig | SourceFilterConfig, Field(discriminator="kind")] = VocosConfig()
    start: Path | None = None  # weights to begin with; those of the same name and shape are taken
    discriminators: DiscriminatorConfig = DiscriminatorConfig()
    minutes: Minutes | None = 60.0  # where neither steps nor frames are given
    segment_frames: Count = 48  # 0.96 s
    batch: Count = 8
    adversarial_batch: Count = 5  # an adversarial segment costs four times as much, and steps count for more than width
    gradient_accumulation: Count = 1  # gradients are added over micro-batches and processes
    pool_shards: Count = 2  # of a corpus in shards: how many are in memory, about 150 MB each with their samples
    gain_db: GainRange = (-6.0, 3.0)  # drawn for every segment
    learning_rate: Rate = 5e-4  # at its height; falls to a twentieth as a cosine of the budget
    warmup_steps: CountOrNone = 200
    betas: tuple[ShareBelowOne, ShareBelowOne] = (0.8, 0.99)
    adversarial_from: Share = 0.2  # share of the budget after which the discriminators join
    adversarial_ramp: Share = 0.03  # share of the budget over which their weight grows
    spectral_weight: Weight = 1.0  # weights are shares of the gradient at the waveform, see `balanced_gradient`
    phase_weight: Weight = 0.0  # of phase, group delay and instantaneous frequency (train/vocoder/phase_losses.py)
    phase_shares: tuple[Weight, Weight, Weight] = (1.0, 1.0, 1.0)  # of these three
    adversarial_weight: Weight = 0.3
    feature_weight: Weight = 0.7
    pitch_weight: Weight = 1.0  # of reading the pitch from the mel, for a generator that does
    discriminator_rate_factor: Weight = 2.0  # of the learning rate: they join late and must catch up
    average_decay: ShareBelowOne = 0.999  # of the exported, averaged generator
    precision: Literal["bf16", "float32"] = "bf16"
    evaluation_clips: Count = 24
    seed: Seed = 0
