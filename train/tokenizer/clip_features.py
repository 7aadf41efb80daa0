"""Features that a tokenizer clusters, behind one interface: clip to features, features to units.

T frames at 50 Hz, F feature dims, V units.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol, TypeAlias, cast

import torch
from safetensors.torch import load, save
from torch import Tensor

from undertone.engine.config import MelConfig, TokenizerConfig
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.tokenizers.hubert import HubertTokenizer
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.engine.tokenizers.phonetic import PhoneticTokenizer
from undertone.engine.tokenizers.units import nearest_centroid
from undertone.train.data.flat_corpus import FlatCorpus
from undertone.train.data.flat_files import Clip

Tokenizer: TypeAlias = PhoneReader | HubertTokenizer


class ClipFeatures(Protocol):
    """Features of prepared clips, one clip at a time: encoders see padding, and the engine analyses clips alone."""

    needs_audio: bool  # or the mel is enough
    mel: MelConfig  # of the stored mels
    centroids: Tensor  # [V, F]

    def features(self, corpus: FlatCorpus, clip: Clip) -> Tensor:
        """Return features float32 [T, F]; T may be a frame or two less than the clip's mel has."""
        ...

    def units(self, features: Tensor) -> Tensor:
        """Return the units int64 [T] of one clip's features [T, F]."""
        ...


def encoder_inputs(tokenizer: PhoneReader, corpus: FlatCorpus, clip: Clip) -> Tensor:
    """Return what a tokenizer's encoder reads of a clip: the stored mel where it is that, else its own of the audio."""
    if isinstance(tokenizer, PhoneticTokenizer):
        return corpus.mel(clip)
    return tokenizer.inputs(corpus.audio(clip))


class PhoneFeatures:
    """Features of one layer of a tokenizer trained on phones."""

    def __init__(self, tokenizer: PhoneReader) -> None:
        self.tokenizer = tokenizer.eval()
        self.centroids = tokenizer.centroids
        self.mel = tokenizer.config.mel
        self.needs_audio = not isinstance(tokenizer, PhoneticTokenizer)

    @torch.inference_mode()
    def features(self, corpus: FlatCorpus, clip: Clip) -> Tensor:
        inputs = encoder_inputs(self.tokenizer, corpus, clip).to(self.centroids.device)
        lengths = torch.tensor([self.tokenizer.num_frames(len(inputs))], device=inputs.device)
        return self.tokenizer.features_batch(inputs[None], lengths)[0].float()

    def units(self, features: Tensor) -> Tensor:
        return self.tokenizer.units(features)


class HubertFeatures:
    """HuBERT's last hidden state, from the stored waveform, in float16 on a GPU as published."""

    needs_audio = True

    def __init__(self, tokenizer: HubertTokenizer) -> None:
        on_gpu = tokenizer.centroids.device.type == "cuda"
        self.tokenizer = (tokenizer.half() if on_gpu else tokenizer.float()).eval()
        self.centroids = tokenizer.centroids.float()
        self.mel = MelConfig()

    @torch.inference_mode()
    def features(self, corpus: FlatCorpus, clip: Clip) -> Tensor:
        return self.of_waveform(corpus.audio(clip))

    @torch.inference_mode()
    def of_waveform(self, waveform: Tensor) -> Tensor:
        """Return the features [T, F] of float32 [samples] at 16 kHz."""
        return self.tokenizer.features(waveform.to(self.centroids.device))

    def units(self, features: Tensor) -> Tensor:
        return nearest_centroid(features, self.centroids)


def clip_features(tokenizer: Tokenizer) -> ClipFeatures:
    """Return the interface over a tokenizer, on the device of its weights."""
    return PhoneFeatures(tokenizer) if isinstance(tokenizer, PhoneReader) else HubertFeatures(tokenizer)


def assign_units(features: ClipFeatures, corpus: FlatCorpus, clip: Clip) -> Tensor:
    """Return the unit ids int64 [T] of a clip, at most one for each frame of its mel."""
    return features.units(features.features(corpus, clip))[: clip.num_frames].cpu()


def units_only(tokenizer: Tokenizer) -> Tokenizer:
    """Return the part of a tokenizer that makes units."""
    return tokenizer.without_classifier() if isinstance(tokenizer, PhoneReader) else tokenizer


@dataclass(frozen=True)
class PackedTokenizer:
    """A tokenizer that can be pickled for another process, as a module with hooks cannot."""

    config: TokenizerConfig
    weights: bytes  # safetensors

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "PackedTokenizer":
        """Return the packed configuration and weights, on whatever device they are."""
        return cls(tokenizer.config, save(_weights(tokenizer)))

    def unpacked(self) -> Tokenizer:
        """Build the same tokenizer on the CPU, in evaluation mode."""
        tokenizer = build_tokenizer(self.config)
        tokenizer.load_state_dict(load(self.weights))
        return cast(Tokenizer, tokenizer.eval())


def pack_for_workers(tokenizer: Tokenizer, workers: int) -> tuple[PackedTokenizer | Tokenizer, int]:
    """Return what worker processes are given of a tokenizer, and how many there are: one for a tokenizer on a GPU."""
    if workers <= 1 or next(tokenizer.buffers()).device.type != "cpu":
        return tokenizer, 1
    return PackedTokenizer.of(tokenizer), workers


def unpack(tokenizer: PackedTokenizer | Tokenizer) -> Tokenizer:
    """Return the tokenizer that `pack_for_workers` gave to this process."""
    return tokenizer.unpacked() if isinstance(tokenizer, PackedTokenizer) else tokenizer


def _weights(tokenizer: Tokenizer) -> dict[str, Tensor]:
    return {key: value.contiguous().cpu() for key, value in tokenizer.state_dict().items()}


def tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    """Return the name of the tokens that this tokenizer assigns; other weights give another name."""
    return hashlib.sha256(save(_weights(tokenizer))).hexdigest()[:12]
