"""Tokenizers: speech to discrete units, 50 a second. Each has `features`, `tokens` and a table of centroids."""

from torch import nn

from undertone.engine.config import HubertConfig, PhoneticConfig, TokenizerConfig, WhisperConfig
from undertone.engine.tokenizers.units import nearest_centroid, viterbi_units

__all__ = ["PARTS_OF_PHONE", "build_tokenizer", "nearest_centroid", "unit_names", "viterbi_units"]

PARTS_OF_PHONE = 3  # its beginning, middle and end sound different


def build_tokenizer(config: TokenizerConfig) -> nn.Module:
    """Return the tokenizer that a configuration describes, with untrained weights."""
    if isinstance(config, PhoneticConfig):
        from undertone.engine.tokenizers.phonetic import PhoneticTokenizer

        return PhoneticTokenizer(config)
    if isinstance(config, WhisperConfig):
        from undertone.engine.tokenizers.whisper import WhisperTokenizer

        return WhisperTokenizer(config)
    from undertone.engine.tokenizers.hubert import HubertTokenizer

    return HubertTokenizer(config)


def unit_names(config: TokenizerConfig) -> tuple[str, ...]:
    """Return what to call each unit: the phone that it is a part of, else its number."""
    if not isinstance(config, HubertConfig) and config.phone_parts and config.phone_parts.phones:
        return tuple(name for name in ("silence", *config.phone_parts.phones) for _ in range(PARTS_OF_PHONE))
    return tuple(map(str, range(config.num_units)))
