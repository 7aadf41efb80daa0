"""Recipes small enough for a test, and runs that resume."""

from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor

from undertone.engine.config import (
    DecoderConfig,
    EncoderConfig,
    ModelConfig,
    PhoneticConfig,
    TransformerConfig,
    UtteranceConfig,
)
from undertone.engine.network import VAEGSLM
from undertone.train.loop.budget import Budget
from undertone.train.loop.run import run_stage
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import ModelStage
from undertone.train.text.phone_pretraining import PhoneStage
from undertone.train.tokenizer.recipe import TokenizerRecipe
from undertone.train.tokenizer.stage import TokenizerStage
from undertone.train.tokenizer.whisper_stage import WhisperStage

TOKENIZER = TokenizerRecipe(
    model=PhoneticConfig(num_units=12, dim=16, num_layers=2, num_heads=2, feedforward_dim=32, feature_layer=1),
    frames_per_step=400,
    unit_frames=900,
    minutes=None,
    steps=6,
)
MODEL = ModelRecipe(
    model=ModelConfig(
        latent_dim=4,
        num_tokens=12,
        token_dim=8,
        learned_end=True,
        quirk_random_initial_state=False,
        encoder=EncoderConfig(channels=16, hidden_channels=(32,)),
        transformer=TransformerConfig(dim=16, num_layers=2, num_heads=2, feedforward_dim=32),
        utterance=UtteranceConfig(channels=(8, 8, 8, 8), dim=8, quirk_lengths_doubled=False),
        decoder=DecoderConfig(channels=16, hidden_channels=(32,) * 6, time_dim=16, condition_dim=8),
    ),
    window_frames=64,
    batch_size=2,
    gradient_accumulation=2,
    learning_rate=1e-3,
    kl_warmup=0.3,
    average_decay=0.9,
    max_gradient_norm=1.0,
    loss_per_frame=True,
    precision="float32",
    dev_batches=1,
    steps=20,
)


def weights_after(
    make: Callable[[Accelerator], TokenizerStage | WhisperStage | ModelStage | PhoneStage], out: Path, steps: list[int]
) -> dict[str, Tensor]:
    """Train to each number of steps in turn, every time with a fresh stage that resumes from the checkpoint."""
    for total in steps:
        accelerator = Accelerator(cpu=True)
        stage = make(accelerator)
        run_stage(stage, out, Budget(steps=total), accelerator, seed=1)
    (network,) = stage.export_networks().values()
    return {key: value.clone() for key, value in network.state_dict().items()}


def constant_schedule(recipe: ModelRecipe) -> ModelRecipe:
    """Schedules follow the share of the budget; for a resume in the middle they must not depend on it."""
    return recipe.model_copy(update={"kl_warmup": 0.0, "learning_rate_flat": 0.99, "learning_rate_warmup": 0.0})


def untrained_weights(recipe: ModelRecipe, folder: Path) -> Path:
    """Weights of a recipe's network as a run exports them."""
    torch.manual_seed(0)
    path = folder / "export.safetensors"
    save_file(VAEGSLM(recipe.model).state_dict(), str(path))
    return path
