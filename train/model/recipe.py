"""The recipe of VAE-GSLM and its parts: what is trained, on what windows, with which weights of the losses."""

from typing import Literal

from pydantic import model_validator

from undertone.engine.config import ModelConfig
from undertone.engine.network import Part
from undertone.train.data.augmentation import AugmentationConfig
from undertone.train.loop.schedules import warmup_cosine
from undertone.train.loop.settings import (
    Count,
    Positive,
    Rate,
    RunSettings,
    SecondsRange,
    Seed,
    Share,
    ShareBelowOne,
    Weight,
    WindowFrames,
)

LANGUAGE = ("transformer", "prior_head", "flow")  # the half of the network that predicts; the rest makes sound

SOUND = ("decoder", "utterance_encoder")  # of that, what reads tokens and latents
POSTERIOR = "posterior_encoder"
SETTINGS_OF_LATENTS = ("pitch_weight", "latent_dropout", "scheduled_sampling", "drawn_latents")  # 0 without latents


class ModelRecipe(RunSettings):
    """Recipe of VAE-GSLM; the defaults are the published run's."""

    stage: Literal["model"] = "model"
    name: str = "vae-gslm"
    model: ModelConfig = ModelConfig()
    tokens: bool = True  # False: the ablation without tokens, the latents carry everything
    latents: bool = True  # False: the baseline of tokens alone, no latent reaches the network
    # Small budgets go further one part at a time, the rest frozen: "decoder" trains posterior and decoder with N(0, I)
    # as the prior, "language" the transformer, prior and flow on what the posterior says, "all" the whole as one,
    # "sound" the decoder alone, on latents and tokens as they are.
    part: Part = "all"
    train_posterior: bool = True  # False: what the latents of a recording are stays; parts all and decoder
    pitch_weight: Weight = 0.0  # of reading log F0 and voicing from the latents by one linear layer; not published
    pitch_clips: Share = 0.3  # share of the train clips whose pitch is measured for that
    latent_dropout: Share = 0.0  # share of frames whose latents the transformer does not see; not published
    scheduled_sampling: Share = 0.0  # share of windows that end in latents of the model's own; not published
    # Of predicting what a baseline has beside its tokens, against the tokens; 0.5 for the published pitch.
    beside_weight: Weight = 1.0
    condition_dropout: Share = 0.0  # share of windows whose decoder sees no tokens and latents; not published
    drawn_latents: Share = 0.0  # share of windows whose decoder reads latents of the prior; part all; not published
    spoken_tokens: bool = False  # predict tokens of the aligned transcripts instead of the tokenizer's; not published
    window_frames: WindowFrames = 640  # 12.8 s
    batch_size: Count = 8  # windows per process and micro-batch
    frames_per_batch: Count | None = None  # instead of batch_size: windows of similar length within so many frames
    gradient_accumulation: Count = 2  # gradients are added, not averaged, over micro-batches and processes
    pool_shards: Count = 4  # of a corpus in shards: how many are in memory for each micro-batch of a step
    utterance_seconds: SecondsRange = (2.0, 4.0)
    utterance_augmentation: AugmentationConfig | None = None  # of the utterance in training; flat files; not published
    beta: Weight = 0.04  # weight of the KL, and with gamma of the token cross-entropy
    gamma: Weight = 0.5
    kl_warmup: Share = 0.025  # share of the budget: 30,000 of 1,200,000 steps
    learning_rate: Rate = 5e-4
    learning_rate_warmup: Share = 0.0
    learning_rate_flat: ShareBelowOne = 0.025  # share of the budget before the cosine starts
    learning_rate_floor: Share = 0.1
    weight_decay: Share = 0.1  # not on biases and norms
    max_gradient_norm: Positive | None = None
    loss_per_frame: bool = False  # the published loss is a sum over frames; Adam hides the factor, clipping does not
    average_decay: ShareBelowOne | None = None  # exponential average of the weights, which is then what is exported
    precision: Literal["bf16", "float32"] = "bf16"
    shard_optimiser: bool = False  # spread AdamW's state over the processes of a run
    compile: bool = False
    dev_batches: Count = 6
    seed: Seed = 0

    @model_validator(mode="after")
    def _ablations_fit(self) -> "ModelRecipe":
        if not (self.tokens or self.latents):
            raise ValueError("tokens and latents are both off, nothing is left to model")
        if not self.tokens and self.model.num_tokens != 1:
            raise ValueError(f"without tokens model.num_tokens must be 1, got {self.model.num_tokens}")
        if self.tokens and not self.model.has_tokens:
            raise ValueError("model.num_tokens is 1, a model without tokens; it needs tokens: false")
        if self.model.decoder.guidance != 1.0 and not (self.condition_dropout or self.part == "language"):
            raise ValueError(
                f"model.decoder.guidance is {self.model.decoder.guidance:g}, which needs condition_dropout, "
                "for example 0.15"
            )
        if self.drawn_latents and self.part != "all":
            raise ValueError(f"drawn_latents needs the prior beside the decoder, part: all, and part is {self.part}")
        return self

    @model_validator(mode="after")
    def _baselines_fit(self) -> "ModelRecipe":
        if self.model.has_latents:
            return self
        of_latents = {
            "latents": not self.latents,
            **{name: getattr(self, name) for name in SETTINGS_OF_LATENTS},
        }
        if given := [key for key, value in of_latents.items() if value]:
            raise ValueError(
                f"{given[0]} is about latents, and a {self.model.system} (model.beside: {self.model.beside}) has none"
            )
        if self.model.beside == "pitch" and self.pitch_clips != 1.0:
            raise ValueError(
                f"a {self.model.system} reads the pitch of every clip, and pitch_clips is {self.pitch_clips:g}; "
                "set it to 1"
            )
        return self

    @property
    def needs_pitch(self) -> bool:
        """Return whether the pitch of clips is measured, as an input or as a target."""
        return self.trains_pitch_readout or self.model.beside == "pitch"

    @property
    def trains_pitch_readout(self) -> bool:
        """Return whether log F0 and voicing are read from the latents in training."""
        return self.pitch_weight > 0 and self.part in ("all", "decoder")

    def trains(self, name: str) -> bool:
        """Return whether this part of the network is trained, by the name of its module."""
        if name == POSTERIOR and not self.train_posterior:
            return False
        match self.part:
            case "all":
                return True
            case "decoder":
                return name not in LANGUAGE
            case "language":
                return name in LANGUAGE
            case "sound":
                return name in SOUND

    def rate(self, progress: float) -> float:
        """Return the learning rate at a share of the budget."""
        flat = self.learning_rate_flat
        if progress < self.learning_rate_warmup:
            return self.learning_rate * max(progress / self.learning_rate_warmup, 0.01)
        if progress < flat:
            return self.learning_rate
        return self.learning_rate * warmup_cosine((progress - flat) / (1 - flat), 0.0, self.learning_rate_floor)

    def kl_weight(self, progress: float) -> float:
        """Return the weight of the KL (and of gamma CE) at a share of the budget: linear from 0 to beta."""
        return self.beta * min(1.0, progress / self.kl_warmup) if self.kl_warmup else self.beta
