"""The authors' hp.yaml to our configurations (spec section 9).

What ours cannot express is an error that names the key.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from undertone.engine.config import (
    DecoderConfig,
    EncoderConfig,
    FlowConfig,
    HiFiGANConfig,
    MelConfig,
    ModelConfig,
    TransformerConfig,
    UtteranceConfig,
)
from undertone.engine.errors import BundleError
from undertone.engine.published.settings import PublishedSettings, section

# written by the constructors of the published code after the fact; they describe the last layer built
_LEFTOVERS = ("in_channels", "hidden_channels", "aux_in_channels", "in_dim", "time_dim", "out_channels", "stride")


def model_config(hp: Mapping[str, Any], mel: MelConfig, source: str) -> ModelConfig:
    """Return the configuration of the model, from its hp.yaml and the mel of the vocoder.

    Raises:
        BundleError: naming the file and the key.
    """
    settings = PublishedSettings(section(hp, "model", source), f"{source}: model")
    rescale = (hp.get("training") or {}).get("mel_rescale") or {"mean": 0.0, "std": 1.0}
    try:
        config = ModelConfig(
            latent_dim=settings.take("latent_dim"),
            num_tokens=settings.take("tokens.vocab_size"),
            token_dim=settings.take("tokens.embedding_dim"),
            mel=mel.model_copy(update={"mean": float(rescale["mean"]), "std": float(rescale["std"])}),
            encoder=_encoder(settings),
            transformer=_transformer(settings),
            flow=_flow(settings),
            utterance=_utterance(settings),
            decoder=_decoder(settings),
        )
    except (ValidationError, KeyError, TypeError) as error:
        raise BundleError(f"{source}: the sizes do not make a model: {error}") from error
    settings.close()
    return config


def vocoder_config(hp: Mapping[str, Any], source: str) -> HiFiGANConfig:
    """Return the configuration of the vocoder and of the mel it reads, from the vocoder's hp.yaml.

    Raises:
        BundleError: naming the file and the key.
    """
    feature = PublishedSettings(section(hp, "feature", source), f"{source}: feature")
    generator = PublishedSettings(
        section(section(hp, "model", source), "generator", source), f"{source}: model.generator"
    )
    feature.demand("power", 1.0)
    feature.demand("log_scale", True)
    generator.demand("in_channels", feature.leaves.get("n_mels"))
    generator.take("weight_norm", True)  # either way the names in the checkpoint say what is stored
    try:
        mel = MelConfig(
            sample_rate_hz=feature.take("sample_rate"),
            n_fft=feature.take("n_fft"),
            window_samples=feature.take("win_length"),
            hop_samples=feature.take("hop_length"),
            min_hz=feature.take("f_min"),
            max_hz=feature.take("f_max"),
            num_mels=feature.take("n_mels"),
        )
        config = HiFiGANConfig(
            channels=generator.take("upsample_initial_channel"),
            kernel_size=generator.take("kernel_size"),
            upsample_rates=generator.take("upsample_rates"),
            upsample_kernel_sizes=generator.take("upsample_kernel_sizes"),
            resblock_kernel_sizes=generator.take("resblock_kernel_sizes"),
            resblock_dilations=generator.take("resblock_dilation_sizes"),
            mel=mel,
        )
    except ValidationError as error:
        raise BundleError(f"{source}: the sizes do not make a vocoder: {error}") from error
    feature.close()
    generator.close()
    return config


def _encoder(settings: PublishedSettings) -> EncoderConfig:
    settings.demand("encoder.identifier", "BottleNeckResNet")
    for key, only in {"fix_std": None, "std_range": None, "truncated_norm": None, "total_std": None}.items():
        settings.demand(f"encoder.{key}", only, only)
    settings.demand("encoder.normalization", False, False)
    _plain_stack(settings, "encoder")
    kernel_size, eps = _layer(settings, "encoder.layer", "ReLU")
    settings.demand("encoder.layer.causal_padding", True)
    return EncoderConfig(
        channels=settings.take("encoder.init_channel"),
        hidden_channels=settings.take("encoder.hidden_channels"),
        kernel_size=kernel_size,
        norm_eps=eps,
    )


def _plain_stack(settings: PublishedSettings, section: str) -> None:
    """Return the configuration of a stack without resampling whose channels stay the same."""
    count = settings.take(f"{section}.num_layers")
    channels = settings.leaves.get(f"{section}.init_channel")
    settings.demand(f"{section}.resample_rates", (1,) * count)
    settings.take(f"{section}.resample_ksize")  # of the resampling that is not there
    settings.demand(f"{section}.out_channels", (channels,) * count)
    settings.demand(f"{section}.final_norm", True)
    settings.demand(f"{section}.first_norm", False, False)


def _layer(settings: PublishedSettings, section: str, activation: str) -> tuple[int, float]:
    """Return kernel size and norm eps of a residual block."""
    settings.demand(f"{section}.norm.identifier", "InstanceNorm")
    settings.demand(f"{section}.activation.identifier", activation)
    settings.demand(f"{section}.dropout", 0.0, 0.0)
    settings.demand(f"{section}.shortcut", False, False)
    settings.drop(section, _LEFTOVERS)
    return settings.take(f"{section}.kernel_size"), settings.take(f"{section}.norm.eps")


def _transformer(settings: PublishedSettings) -> TransformerConfig:
    for key, only in {"bias": False, "rpe.identifier": "ALiBi", "layer.norm.identifier": "RMSNorm"}.items():
        settings.demand(f"transformer.{key}", only)
    settings.demand("transformer.layer.activation.identifier", "GELU")
    settings.demand("transformer.layer.self_attn.causal", True)
    optional = {"final_ln": True, "first_ln": False, "fix_std": None, "std_range": None, "fix_mean": None}
    layer = {"layer.dropout": 0.0, "layer.preln": True, "layer.bias": True}
    for key, only in (optional | layer).items():
        settings.demand(f"transformer.{key}", only, only)
    return TransformerConfig(
        dim=settings.take("transformer.layer.dim"),
        num_layers=settings.take("transformer.num_layers"),
        num_heads=settings.take("transformer.layer.self_attn.nheads"),
        feedforward_dim=settings.take("transformer.layer.ffd_size"),
        max_positions=settings.take("transformer.rpe.maxpos"),
        norm_eps=settings.take("transformer.layer.norm.eps"),
    )


def _flow(settings: PublishedSettings) -> FlowConfig:
    section = "transformer.flow"
    settings.demand(f"{section}.conditional", True)
    settings.demand(f"{section}.identifier", "LinearCoupling", "LinearCoupling")
    settings.demand(f"{section}.layer.mean_only", False)
    settings.demand(f"{section}.layer.norm.identifier", "LayerNorm")
    settings.demand(f"{section}.layer.activation.identifier", "GELU")
    settings.demand(f"{section}.layer.bias", True, True)
    settings.demand(f"{section}.layer.detach_coupling", False, False)
    return FlowConfig(
        num_layers=settings.take(f"{section}.num_layers"),
        hidden_dim=settings.take(f"{section}.layer.hidden_dim"),
        norm_eps=settings.take(f"{section}.layer.norm.eps"),
        scale_range=settings.take(f"{section}.layer.scale_range"),
    )


def _utterance(settings: PublishedSettings) -> UtteranceConfig:
    section = "utterance_encoder"
    settings.take(f"{section}.num_layers")
    settings.demand(f"{section}.layer.norm.identifier", "InstanceNorm")
    settings.demand(f"{section}.layer.activation.identifier", "ReLU")
    settings.demand(f"{section}.layer.dropout", 0.0, 0.0)
    settings.drop(f"{section}.layer", (*_LEFTOVERS, "kernel_size"))
    rate = settings.uniform(f"{section}.resample_rates")
    if rate >= -1:
        raise BundleError(f"{settings.source}: {section}.resample_rates is {rate}; expected a downsampling like -2.")
    return UtteranceConfig(
        channels=(settings.take(f"{section}.init_channel"), *settings.take(f"{section}.out_channels")),
        kernel_size=settings.uniform(f"{section}.resample_ksize"),
        stride=-rate,
        dim=settings.take(f"{section}.embedding_dim"),
        norm_eps=settings.take(f"{section}.layer.norm.eps"),
    )


def _decoder(settings: PublishedSettings) -> DecoderConfig:
    diffusion, unet, time = "decoder.diffusion", "decoder.cond_unet.unet", "decoder.cond_unet.time_embedding"
    settings.demand(f"{diffusion}.identifier", "ConditionalBottleNeckUNet")
    settings.demand(f"{diffusion}.objective", "pred_noise", "pred_noise")
    settings.demand(f"{diffusion}.loss_type", "l1", "l1")
    settings.demand(f"{diffusion}.beta_schedule.identifier", "cosine")
    settings.drop(diffusion, ("ddim_sampling_eta", "sampling_timesteps"))  # settings of a sampling, not of the model
    settings.demand(f"{time}.activation.identifier", "SiLU")
    settings.demand(f"{time}.bias", True, True)
    timesteps = settings.take(f"{diffusion}.timesteps")
    settings.demand(f"{time}.maxpos", timesteps)
    settings.demand(f"{unet}.connection_type", "concat")
    settings.drop(unet, ("time_dim",))
    _plain_stack(settings, unet)
    hidden = settings.take(f"{unet}.hidden_channels")
    kernel_size, eps = _layer(settings, f"{unet}.layer", "SiLU")
    settings.demand(f"{unet}.layer.causal_padding", True)
    settings.demand(f"{unet}.layer.condition_type", "concat")
    turn = len(hidden)
    if f"{unet}.upward_layer.boundary" in settings.leaves:
        turn = settings.take(f"{unet}.upward_layer.boundary")
        upward = _layer(settings, f"{unet}.upward_layer", "SiLU")
        if upward != (kernel_size, eps):
            raise BundleError(
                f"{settings.source}: {unet}.upward_layer has kernel_size and norm.eps {upward}, "
                f"layer has {(kernel_size, eps)}; this network needs them equal."
            )
        settings.demand(f"{unet}.upward_layer.future_padding", True)
        settings.demand(f"{unet}.upward_layer.condition_type", "concat")
    return DecoderConfig(
        channels=settings.take(f"{unet}.init_channel"),
        hidden_channels=hidden,
        conditioned=settings.take(f"{unet}.conditional"),
        skips=settings.take(f"{unet}.skip_connection"),
        first_anticausal_block=turn,
        kernel_size=kernel_size,
        condition_dim=settings.take(f"{unet}.condition_dim"),
        time_dim=settings.take(f"{time}.dim"),
        norm_eps=eps,
        timesteps=timesteps,
        cosine_offset=settings.take(f"{diffusion}.beta_schedule.s", 0.008),
        input_scale=settings.take(f"{diffusion}.input_scale", 1.0),
        clamp_range=settings.take(f"{diffusion}.clamp_range"),
    )
