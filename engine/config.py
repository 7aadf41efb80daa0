"""Every number a bundle is built from: frozen pydantic models whose defaults are the published configuration.

A bundle's `bundle.json` holds these models; an unknown or missing key is an error that names the key.
Fields that start with `quirk_` reproduce behaviour of the published code that a fresh design would not have;
their default is the published value and loading published weights needs it.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator


class Config(BaseModel):
    """Base of every configuration: immutable, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GrownConfig(Config):
    """Configuration with keys that older bundles do not have.

    They are written where they say something else than their default, so that what an older bundle says, and its
    fingerprint, stay as they were.
    """

    later_keys: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _leave_out_later_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        for key in self.later_keys:
            if getattr(self, key) == type(self).model_fields[key].default:
                values.pop(key, None)
        return values


Size = Annotated[int, Field(ge=1, le=2**24)]  # of a layer, a kernel, an inventory


# The published rates. Every waveform inside is at the first: CREPE, HuBERT, Whisper and Silero read it as well.
SAMPLE_RATE_HZ = 16_000
HOP_SAMPLES = 320  # of a frame
FRAME_RATE_HZ = SAMPLE_RATE_HZ / HOP_SAMPLES  # 50: of mel, latents and tokens
FRAME_SECONDS = HOP_SAMPLES / SAMPLE_RATE_HZ


class MelConfig(Config):
    """Log-mel spectrogram (spec section 1.1)."""

    sample_rate_hz: int = SAMPLE_RATE_HZ
    n_fft: int = 1025  # odd on purpose: the frame count is then exactly ceil(samples / hop)
    window_samples: int = 1024
    hop_samples: int = HOP_SAMPLES
    min_hz: float = 0.0
    max_hz: float = 8000.0
    num_mels: int = 80
    floor: float = 1e-6  # ln(max(mel, floor))
    mean: float = -1.5  # normalised mel = (ln mel - mean) / std
    std: float = 2.0

    @property
    def frame_rate_hz(self) -> float:
        """Return the frames per second, 50 for the published values."""
        return self.sample_rate_hz / self.hop_samples


class EncoderConfig(Config):
    """Posterior encoder q(z|mel): causal ConvNeXt-like stack (spec sections 2.1, 2.2, 3.1)."""

    channels: Size = 512
    hidden_channels: tuple[Size, ...] = (2048, 2048, 2048)  # one entry per block
    kernel_size: Size = 7
    norm_eps: float = 1e-6


class TransformerConfig(Config):
    """Causal pre-norm transformer with ALiBi (spec section 3.4)."""

    dim: Size = 1024
    num_layers: Size = 16
    num_heads: Size = 16
    feedforward_dim: Size = 4096
    max_positions: Size = 1024  # prompt + continuation + 1, 20 s at 50 Hz
    norm_eps: float = 1e-6


class FlowConfig(Config):
    """Conditional affine coupling flow from posterior samples to the prior's base space (spec section 3.6)."""

    num_layers: Size = 4
    hidden_dim: Size = 64
    norm_eps: float = 1e-6
    scale_range: tuple[float, float] = (0.5, 2.0)
    quirk_scale_range_reversed: bool = True  # the published code reads the pair as (max, min)


class UtteranceConfig(Config):
    """Utterance encoder: strided convolutions, then an average over time (spec section 3.7)."""

    channels: tuple[Size, ...] = (64, 128, 256, 512)  # after the input projection, then after each convolution
    kernel_size: Size = 4
    stride: Size = 2
    dim: Size = 128
    norm_eps: float = 1e-6
    quirk_lengths_doubled: bool = True  # valid length doubles, not halves, after each stride-2 convolution


# Classifier-free guidance (arXiv 2207.12598): how far a prediction is taken from the one without tokens and latents
# towards and past the one with them.
Guidance = Annotated[float, Field(ge=1.0, le=5.0)]
DiffusionSolver = Literal["dpm++", "ddim", "ancestral"]


class DecoderConfig(GrownConfig):
    """Diffusion U-Net on mel frames (spec section 3.8), or the same network as another decoder."""

    later_keys = ("kind", "guidance_rescale")

    kind: Literal["diffusion", "flow_matching", "regression"] = "diffusion"
    channels: Size = 512
    hidden_channels: tuple[Size, ...] = (2048,) * 6
    conditioned: tuple[bool, ...] = (False, True, True, True, True, False)
    skips: tuple[int | None, ...] = (None, None, None, 2, 1, 0)  # record fused after each block
    first_anticausal_block: int = 3  # blocks from here on look ahead instead of back
    kernel_size: Size = 7
    condition_dim: Size = 32
    time_dim: Size = 256
    norm_eps: float = 1e-6
    timesteps: Size = 1000
    cosine_offset: float = 0.008
    max_beta: float = 0.999
    input_scale: float = 5.0  # x0 = normalised mel / input_scale
    clamp_range: tuple[float, float] = (-3.0, 1.2)  # of x0, in the scaled space
    # What the network predicts: the noise, as published, or the velocity (arXiv 2202.00512), which gives a usable x0
    # at every noise level after far fewer steps.
    prediction: Literal["noise", "velocity"] = "noise"
    solver_power: float = 2.0  # DPM-Solver++ visits t ~ (i / steps) ** power; x0 scaled by 1/5 is decided at low noise
    guidance: Guidance = 1.0  # 1 is none, as published; more needs training with `condition_dropout`
    # How far a guided prediction gets back the mean and spread of the one that it leads away from (arXiv 2305.08891,
    # section 3.4, which advises 0.7): guidance alone widens the mel's range, which makes speech several dB louder.
    guidance_rescale: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0

    @model_validator(mode="after")
    def _kind_fits(self) -> "DecoderConfig":
        if self.kind != "diffusion" and self.prediction != "noise":
            raise ValueError(
                f"prediction is {self.prediction!r}, a choice of diffusion; {self.kind} has only one: noise"
            )
        if self.kind != "diffusion" and self.guidance_rescale:
            raise ValueError(f"guidance_rescale is {self.guidance_rescale:g}, a choice of diffusion; set it to 0")
        if self.kind == "regression" and self.guidance != 1.0:
            raise ValueError(
                f"guidance is {self.guidance:g}; regression draws nothing that could be guided, set it to 1"
            )
        return self

    @model_validator(mode="after")
    def _blocks_agree(self) -> "DecoderConfig":
        lengths = {len(self.hidden_channels), len(self.conditioned), len(self.skips)}
        if len(lengths) != 1:
            raise ValueError(
                f"hidden_channels, conditioned and skips need one entry per block, got "
                f"{len(self.hidden_channels)}, {len(self.conditioned)} and {len(self.skips)}"
            )
        return self


class StudentConfig(Config):
    """Student of the diffusion decoder: its network, trained to go the guided teacher's way in a few steps."""

    steps: Annotated[int, Field(ge=1, le=16)] = 2  # evaluations of the network for a mel
    guidance: Guidance  # of the teacher, baked in: the student is asked once a step


# What a frame has beside its token. "latents" is VAE-GSLM; the others are the paper's baselines of discrete tokens.
Beside = Literal["latents", "nothing", "pitch", "codes"]
LEVELS = (3, 8)  # of codes, fewest and most


class CodesConfig(Config):
    """Acoustic codes and the depth transformer that predicts those of a frame (spec section 7)."""

    num_entries: Size = 256  # of each level's codebook
    depth_dim: Size = 256
    depth_layers: Size = 2
    depth_heads: Size = 4
    depth_feedforward_dim: Size = 1024

    @model_validator(mode="after")
    def _heads_fit(self) -> "CodesConfig":
        if self.depth_dim % self.depth_heads:
            raise ValueError(f"depth_dim {self.depth_dim} is not a multiple of depth_heads {self.depth_heads}")
        return self


class ModelConfig(GrownConfig):
    """VAE-GSLM, the published size by default: 226,957,564 parameters (spec section 9.1), and its baselines (7)."""

    later_keys = ("beside", "joint_head", "codes")

    # Z, the numbers of a frame beside its token: latents, 0 beside nothing, 1 of pitch, levels of codes.
    latent_dim: Annotated[int, Field(ge=0, le=2**24)] = 4
    beside: Beside = "latents"
    num_tokens: Size = 200  # V; 1 is the ablation without tokens, whose one id says nothing
    token_dim: Size = 64
    learned_end: bool = False  # our addition: one more token id, V, that says "the utterance ends here"
    mel: MelConfig = MelConfig()
    encoder: EncoderConfig = EncoderConfig()
    transformer: TransformerConfig = TransformerConfig()
    flow: FlowConfig = FlowConfig()
    utterance: UtteranceConfig = UtteranceConfig()
    decoder: DecoderConfig = DecoderConfig()
    joint_head: bool = False  # p(token) p(latents | token) of a frame; False: independent given the hidden state
    codes: CodesConfig = CodesConfig()
    quirk_random_initial_state: bool = True  # U(-1, 1) drawn anew at every call; False: zeros

    @property
    def num_token_ids(self) -> int:
        """Return the rows of the token embedding: V, and one more where the end is learned."""
        return self.num_tokens + int(self.learned_end)

    @property
    def has_tokens(self) -> bool:
        """Return whether tokens say anything."""
        return self.num_tokens > 1

    @property
    def has_latents(self) -> bool:
        """Return whether frames have latents with a posterior and a prior, as VAE-GSLM's."""
        return self.beside == "latents"

    @property
    def system(self) -> str:
        """Return the name of the system as the paper's tables have it."""
        if self.has_latents:
            head = " + joint head" if self.joint_head else ""
            return f"VAE-GSLM{head}" if self.has_tokens else "VAE-GSLM - tokens"
        return {"nothing": "Token-LM", "pitch": "Token-LM + Pitch", "codes": "Token-LM + Acoustic"}[self.beside]

    @model_validator(mode="after")
    def _beside_fits(self) -> "ModelConfig":
        if self.has_latents and (self.latent_dim % 2 or not self.latent_dim):
            raise ValueError(f"latent_dim must be even (the flow splits it in halves) and not 0, got {self.latent_dim}")
        widths = {"nothing": 0, "pitch": 1}
        if (width := widths.get(self.beside, self.latent_dim)) != self.latent_dim:
            raise ValueError(f"latent_dim must be {width} where beside is {self.beside!r}, got {self.latent_dim}")
        if self.beside == "codes" and not LEVELS[0] <= self.latent_dim <= LEVELS[1]:
            raise ValueError(
                f"latent_dim is the levels of the codes, {LEVELS[0]} to {LEVELS[1]}, got {self.latent_dim}"
            )
        if self.beside != "codes" and self.codes != CodesConfig():
            raise ValueError(f"codes are set, and beside is {self.beside!r}: a {self.system} has none")
        if not (self.has_tokens or self.has_latents):
            raise ValueError(
                f"beside is {self.beside!r} and num_tokens 1, which says nothing: a model without tokens has latents"
            )
        if self.joint_head and not (self.has_tokens and self.has_latents):
            raise ValueError(f"joint_head predicts latents given the token; a {self.system} does not have both")
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> "ModelConfig":
        if self.transformer.dim % self.transformer.num_heads:
            raise ValueError(
                f"transformer.dim {self.transformer.dim} is not a multiple of num_heads {self.transformer.num_heads}"
            )
        return self


class HiFiGANConfig(Config):
    """HiFi-GAN generator of the published system (spec section 6)."""

    kind: Literal["hifigan"] = "hifigan"
    channels: int = 512
    kernel_size: int = 7
    upsample_rates: tuple[int, ...] = (5, 4, 2, 2, 2, 2)  # product = hop
    upsample_kernel_sizes: tuple[int, ...] = (10, 8, 4, 4, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    mel: MelConfig = MelConfig()


class VocosConfig(Config):
    """Vocos-style generator: ConvNeXt blocks at the frame rate and an inverse STFT (arXiv 2306.00814)."""

    kind: Literal["vocos"] = "vocos"
    channels: int = 256
    hidden_channels: int = 768
    num_layers: int = 8
    kernel_size: int = 7
    n_fft: int = 1280  # = window
    frames_per_mel: int = 1  # spectral frames per mel frame: hop = mel.hop_samples / frames_per_mel
    mel: MelConfig = MelConfig()


class SourceFilterConfig(Config):
    """Source-filter generator: pulses at the voice's pitch and noise, shaped by ConvNeXt blocks (arXiv 1910.06711).

    The phase from frame to frame is that of the pulses: at 50 frames a second a network cannot find it in the mel.
    """

    kind: Literal["source_filter"] = "source_filter"
    channels: int = 256
    hidden_channels: int = 768
    num_layers: int = 8
    kernel_size: int = 7
    n_fft: int = 512  # = window of the filters; short, so that a burst stays short
    frames_per_mel: int = 4  # spectral frames per mel frame: hop = mel.hop_samples / frames_per_mel
    pitch_channels: int = 96
    pitch_hidden_channels: int = 256
    pitch_layers: int = 4
    min_hz: float = 50.0
    max_hz: float = 550.0
    num_pitch_bins: int = 128  # spaced by the same ratio from min_hz to max_hz
    anchor_frames: int = 24  # pulses start anew where the voice is weakest within so many frames on each side
    history_frames: int = 128  # mel frames before a block that are read to know where its pulses lie
    mel: MelConfig = MelConfig()


class GriffinLimConfig(Config):
    """Phase reconstruction without any weights: for tests, never for the demo voice."""

    kind: Literal["griffin_lim"] = "griffin_lim"
    iterations: int = 32
    mel: MelConfig = MelConfig()


VocoderConfig = Annotated[
    HiFiGANConfig | VocosConfig | SourceFilterConfig | GriffinLimConfig, Field(discriminator="kind")
]


class HubertConfig(Config):
    """HuBERT-large features and k-means units, as published (spec section 1.3)."""

    kind: Literal["hubert"] = "hubert"
    num_units: int = 200
    feature_dim: int = 1024
    num_layers: int = 24
    num_heads: int = 16
    feedforward_dim: int = 4096
    max_seconds: float = 60.0  # longer files are skipped by the published script
    has_encoder: bool = True  # False: imported where HuBERT's weights could not be had; recordings cannot be analysed


class PhonePartsConfig(Config):
    """Units that are beginning, middle and end of silence and of every phone, on the likeliest path through them."""

    phones: tuple[str, ...] = ()  # behind silence, three units each; from the dictionary where it is empty
    dim: int = 64  # of a linear map that tells the parts apart by distance
    frames: tuple[int, ...] = (-2, 0, 2)  # what the map sees, relative to the frame it is for


class PhoneticConfig(Config):
    """Small supervised tokenizer: an encoder trained with CTC on phones, and units made of one layer's features."""

    kind: Literal["phonetic"] = "phonetic"
    num_units: int = 200
    dim: int = 192
    num_layers: int = 5
    num_heads: int = 4
    feedforward_dim: int = 768
    kernel_size: int = 15  # depth-wise convolution in each block
    dropout: float = 0.0  # slow on CPU; SpecAugment regularises instead
    feature_layer: int = 4  # layer whose output becomes units, 1-based
    phone_parts: PhonePartsConfig | None = None  # None: units are k-means clusters
    phones: tuple[str, ...] = ()  # CTC inventory without the blank, which is class 0
    mel: MelConfig = MelConfig()


class WhisperConfig(Config):
    """Whisper's encoder (arXiv 2212.04356), a phone classifier on it, and units made of its features."""

    kind: Literal["whisper"] = "whisper"
    num_units: int = 120
    num_mels: int = 80  # of Whisper's own log-mel, 100 frames a second
    dim: int = 512
    num_layers: int = 6
    num_heads: int = 8
    feedforward_dim: int = 2048
    max_frames: int = 1500  # positions, 30 s; longer clips are heard in windows
    context_frames: int = 150  # heard on each side of such a window, and then left out
    classifier_dim: int = 256
    classifier_kernel: int = 3
    phone_parts: PhonePartsConfig | None = None  # None: units are k-means clusters
    phones: tuple[str, ...] = ()  # CTC inventory without the blank, which is class 0
    mel: MelConfig = MelConfig()  # of the model; one unit for each of its frames


TokenizerConfig = Annotated[HubertConfig | PhoneticConfig | WhisperConfig, Field(discriminator="kind")]
