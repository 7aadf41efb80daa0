"""The recipe of the phonetic tokenizer."""

from typing import Literal

from undertone.engine.config import PhoneticConfig
from undertone.train.loop.settings import (
    Count,
    CountOrNone,
    Minutes,
    Positive,
    Rate,
    RunSettings,
    Seed,
    Share,
    ShareBelowOne,
    TempoRange,
    Weight,
)


class TokenizerRecipe(RunSettings):
    """How the phonetic tokenizer is trained."""

    stage: Literal["tokenizer"] = "tokenizer"
    name: str = "phonetic"
    minutes: Minutes | None = 40.0  # where neither steps nor frames are given
    model: PhoneticConfig = PhoneticConfig()
    frames_per_step: Count = 5000  # of each micro-batch of each process, padding included
    gradient_accumulation: Count = 1  # gradients are added over micro-batches and processes
    average_decay: ShareBelowOne | None = None  # exponential average of the weights, which is then what is exported
    max_hours: Positive = 200.0  # of a corpus in shards: how much is read into memory, 29 MB an hour
    learning_rate: Rate = 1.5e-3
    warmup: ShareBelowOne = 0.04  # share of the budget
    weight_decay: Share = 0.01
    max_gradient_norm: Positive = 1.0
    tempo_range: TempoRange = (0.9, 1.15)  # time stretch of the mel
    frequency_masks: CountOrNone = 2
    frequency_mask_bins: CountOrNone = 18
    time_masks_per_second: Weight = 0.6
    time_mask_frames: CountOrNone = 8
    unit_frames: Count = 300_000  # that the units are fitted on
    bf16: bool = True
    seed: Seed = 0
