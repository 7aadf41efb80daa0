"""Recipes of the tokenizers that are trained on phones."""

from typing import Literal

from undertone.engine.config import PhonePartsConfig, PhoneticConfig, WhisperConfig
from undertone.train.data.augmentation import AugmentationConfig
from undertone.train.loop.settings import (
    Count,
    CountOrNone,
    Minutes,
    Positive,
    Rate,
    Seed,
    Share,
    ShareBelowOne,
    TempoRange,
    TimedSettings,
    Weight,
)


class CTCRecipe(TimedSettings):
    """Settings of every tokenizer trained on phones; the learning rate falls as a cosine of the budget."""

    frames_per_step: Count  # of each micro-batch of each process, padding included
    gradient_accumulation: Count = 1  # gradients are added over micro-batches and processes
    average_decay: ShareBelowOne | None = None  # exponential average of the weights, which is then what is exported
    max_hours: Positive = 200.0  # of a corpus in shards: how much is read into memory, 29 MB an hour of mels
    learning_rate: Rate
    warmup: ShareBelowOne  # share of the budget
    weight_decay: Weight = 0.01
    max_gradient_norm: Positive
    frequency_masks: CountOrNone = 2
    frequency_mask_bins: CountOrNone
    time_masks_per_second: Weight
    time_mask_frames: CountOrNone
    unit_frames: Count = 300_000  # that the units are fitted on
    bf16: bool = True
    seed: Seed = 0


class TokenizerRecipe(CTCRecipe):
    """Recipe of the phonetic tokenizer."""

    stage: Literal["tokenizer"] = "tokenizer"
    name: str = "phonetic"
    minutes: Minutes | None = 40.0  # where neither steps nor frames are given
    model: PhoneticConfig = PhoneticConfig()
    frames_per_step: Count = 5000
    learning_rate: Rate = 1.5e-3
    warmup: ShareBelowOne = 0.04
    weight_decay: Share = 0.01
    max_gradient_norm: Positive = 1.0
    tempo_range: TempoRange = (0.9, 1.15)  # time stretch of the mel
    frequency_mask_bins: CountOrNone = 18
    time_masks_per_second: Weight = 0.6
    time_mask_frames: CountOrNone = 8


class WhisperRecipe(CTCRecipe):
    """Recipe of a tokenizer on Whisper's encoder."""

    stage: Literal["whisper"] = "whisper"
    name: str = "whisper"
    minutes: Minutes | None = 60.0  # where neither steps nor frames are given
    whisper: str = "openai/whisper-base"  # weights: a Hub id, a folder or a file; their sizes are the encoder's
    model: WhisperConfig = WhisperConfig(phone_parts=PhonePartsConfig())
    frames_per_step: Count = 3000
    trained_layers: CountOrNone = 2  # of the encoder, from above; those below stay as they are
    frozen_copies: CountOrNone = 0  # of the corpus, whose frozen layers are computed once; 0: anew in every step
    frozen_share: ShareBelowOne = 0.15  # of the budget, in which only the classifier is trained
    learning_rate: Rate = 1e-3  # of the classifier
    encoder_learning_rate: Rate = 1e-4
    warmup: Share = 0.03
    max_gradient_norm: Positive = 5.0
    average_decay: ShareBelowOne = 0.995
    augmentation: AugmentationConfig = AugmentationConfig()
    frequency_mask_bins: Count = 13
    time_masks_per_second: Weight = 0.5
    time_mask_frames: Count = 14  # of the log-mel
    evaluation_clips: Count = 100
