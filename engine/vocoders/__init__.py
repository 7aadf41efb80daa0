"""Vocoders: natural-log mel [B, T, M] to waveform [B, T * hop] in [-1, 1]; the config's kind says which."""

from torch import nn

from undertone.engine.config import GriffinLimConfig, HiFiGANConfig, SourceFilterConfig, VocoderConfig, VocosConfig
from undertone.engine.vocoders.griffin_lim import GriffinLim
from undertone.engine.vocoders.source_filter import SourceFilter
from undertone.engine.vocoders.vocos import Vocos

__all__ = ["GriffinLim", "SourceFilter", "Vocos", "build_vocoder"]


def build_vocoder(config: VocoderConfig) -> nn.Module:
    """Return the vocoder of a configuration, with fresh weights."""
    match config:
        case VocosConfig():
            return Vocos(config)
        case SourceFilterConfig():
            return SourceFilter(config)
        case HiFiGANConfig():
            from undertone.engine.vocoders.hifigan import HiFiGAN  # only bundles of the published system need it

            return HiFiGAN(config)
        case GriffinLimConfig():
            return GriffinLim(config)
