"""A bundle with random weights that is made in a moment: everything the engine does, nothing that means anything."""

from pathlib import Path
from typing import Any

import torch

from undertone.engine.audio.loudness import LOUDNESS_LUFS
from undertone.engine.bundle import BundleConfig, Provenance, load_bundle, save_bundle
from undertone.engine.config import (
    DecoderConfig,
    EncoderConfig,
    FlowConfig,
    GriffinLimConfig,
    ModelConfig,
    PhonePartsConfig,
    PhoneticConfig,
    StudentConfig,
    TransformerConfig,
    UtteranceConfig,
    VocosConfig,
)
from undertone.engine.network import VAEGSLM, Student
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.vocoders import build_vocoder

NUM_TOKENS = 24
# What the other systems of the paper's comparison change in a configuration of VAE-GSLM.
OTHER_SYSTEMS: dict[str, dict[str, Any]] = {
    "Token-LM": {"beside": "nothing", "latent_dim": 0},
    "Token-LM + Pitch": {"beside": "pitch", "latent_dim": 1},
    "Token-LM + Acoustic": {
        "beside": "codes",
        "latent_dim": 3,
        "codes": {"num_entries": 16, "depth_dim": 16, "depth_layers": 1, "depth_heads": 2, "depth_feedforward_dim": 32},
    },
    "VAE-GSLM - tokens": {"num_tokens": 1},
    "VAE-GSLM + joint head": {"joint_head": True},
}


def tiny_model_config(learned_end: bool = False) -> ModelConfig:
    """A network of some ten thousand parameters with every part of the large one."""
    return ModelConfig(
        latent_dim=4,
        num_tokens=NUM_TOKENS,
        token_dim=16,
        learned_end=learned_end,
        encoder=EncoderConfig(channels=16, hidden_channels=(32, 32, 32)),
        transformer=TransformerConfig(dim=32, num_layers=2, num_heads=4, feedforward_dim=64),
        flow=FlowConfig(hidden_dim=8),
        utterance=UtteranceConfig(channels=(8, 8, 8, 16), dim=8),
        decoder=DecoderConfig(channels=16, hidden_channels=(32,) * 6, condition_dim=8, time_dim=16),
    )


def change_config(config: ModelConfig, changes: dict[str, Any]) -> ModelConfig:
    """Return a configuration with changes, checked."""
    return ModelConfig.model_validate(config.model_dump() | changes)


def make_tiny_bundle(
    folder: Path,
    learned_end: bool = False,
    streaming_vocoder: bool = True,
    seed: int = 0,
    phones: tuple[str, ...] = (),
    changes: dict[str, Any] | None = None,
    student: bool = False,
) -> Path:
    """Write a random bundle.

    Args:
        folder: where; it appears whole.
        learned_end: whether the model has the token that ends an utterance.
        streaming_vocoder: a small Vocos, which can speak in blocks; False: Griffin-Lim, which cannot.
        seed: of the weights.
        phones: whose parts the units are, silence not among them; none: units are nothing in particular.
        changes: to the model's configuration.
        student: whether the decoder has one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = BundleConfig(
            name="tiny",
            licence="none: random weights",
            model=change_config(tiny_model_config(learned_end), changes or {}),
            vocoder=VocosConfig(channels=16, hidden_channels=32, num_layers=2)
            if streaming_vocoder
            else GriffinLimConfig(iterations=4),
            tokenizer=PhoneticConfig(
                num_units=NUM_TOKENS,
                dim=16,
                num_layers=2,
                num_heads=2,
                feedforward_dim=32,
                kernel_size=7,
                feature_layer=1,
                phones=("AA", "B", "S"),
                phone_parts=PhonePartsConfig(phones=phones, dim=16) if phones else None,
            ),
            prompt_loudness_lufs=LOUDNESS_LUFS,
            provenance=Provenance(recipe="random", created="2026-01-01"),
            measured={"note": "random weights"},
            student=StudentConfig(steps=2, guidance=1.0) if student else None,
        )
        # As in every exported bundle, weights that float16 holds: the step for such is compiled once for all servers.
        model = VAEGSLM(config.model).half().float()
        tokenizer = build_tokenizer(config.tokenizer)
        tokenizer.get_buffer("centroids").normal_()
        taught = Student(config.model, config.student) if config.student else None
        return save_bundle(folder, config, model, build_vocoder(config.vocoder), tokenizer, student=taught)


def make_tiny_system(voice: Path, folder: Path, system: str) -> Path:
    """Write a random bundle of another system that shares tokenizer and vocoder with a voice in the same folder."""
    whole = load_bundle(voice)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = VAEGSLM(change_config(whole.config.model, OTHER_SYSTEMS[system])).half().float()
    changed = {"model": model.config, "shared_parts": {"tokenizer": voice.name, "vocoder": voice.name}}
    config = BundleConfig.model_validate({**dict(whole.config), **changed})
    assert isinstance(whole.tokenizer, torch.nn.Module)
    return save_bundle(folder, config, model, whole.vocoder, whole.tokenizer)
