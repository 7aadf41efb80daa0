"""What a tokenizer clusters, behind one interface: clip to features, features to the nearest centroid.

T frames at 50 Hz, F feature dims, V units.
"""

import hashlib
from typing import Protocol, TypeAlias

import torch
from safetensors.torch import save
from torch import Tensor

from engine.config import MelConfig
from engine.tokenizers.hubert import HubertTokenizer
from engine.tokenizers.phonetic import PhoneticTokenizer
from engine.tokenizers.units import nearest_centroid
from train.prepare import Clip, FlatCorpus

Tokenizer: TypeAlias = PhoneticTokenizer | HubertTokenizer


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


class PhoneticFeatures:
    """One layer of the phonetic tokenizer, from the stored mel."""

    needs_audio = False

    def __init__(self, tokenizer: PhoneticTokenizer) -> None:
        self.tokenizer = tokenizer.eval()
        self.centroids = tokenizer.centroids
        self.mel = tokenizer.config.mel

    @torch.inference_mode()
    def features(self, corpus: FlatCorpus, clip: Clip) -> Tensor:
        mel = corpus.mel(clip).to(self.centroids.device)
        return self.tokenizer.features_batch(mel[None], torch.tensor([len(mel)], device=mel.device))[0].float()

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
        return self.tokenizer.features(corpus.audio(clip).to(self.centroids.device))

    def units(self, features: Tensor) -> Tensor:
        return nearest_centroid(features, self.centroids)


def clip_features(tokenizer: Tokenizer) -> ClipFeatures:
    """Return the interface over a tokenizer, on the device of its weights."""
    return PhoneticFeatures(tokenizer) if isinstance(tokenizer, PhoneticTokenizer) else HubertFeatures(tokenizer)


def units(features: ClipFeatures, corpus: FlatCorpus, clip: Clip) -> Tensor:
    """Unit ids int64 [T] of a clip, at most one for each frame of its mel."""
    return features.units(features.features(corpus, clip))[: clip.num_frames].cpu()


def units_only(tokenizer: Tokenizer) -> Tokenizer:
    """Return the part of a tokenizer that makes units."""
    return tokenizer.without_classifier() if isinstance(tokenizer, PhoneticTokenizer) else tokenizer


def fingerprint(tokenizer: Tokenizer) -> str:
    """Return the name of the tokens that this tokenizer assigns; other weights give another name."""
    weights = {key: value.contiguous().cpu() for key, value in tokenizer.state_dict().items()}
    return hashlib.sha256(save(weights)).hexdigest()[:12]
