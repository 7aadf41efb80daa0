"""Tokenizers: speech to discrete units, 50 a second. Each has `features`, `tokens` and a table of centroids."""

from torch import nn

from engine.config import HubertConfig, PhoneticConfig
from engine.tokenizers.units import cheapest_units, nearest_centroid

__all__ = ["build_tokenizer", "cheapest_units", "nearest_centroid"]


def build_tokenizer(config: HubertConfig | PhoneticConfig) -> nn.Module:
    """The tokenizer a configuration describes, with untrained weights."""
    if isinstance(config, PhoneticConfig):
        from engine.tokenizers.phonetic import PhoneticTokenizer

        return PhoneticTokenizer(config)
    from engine.tokenizers.hubert import HubertTokenizer

    return HubertTokenizer(config)
