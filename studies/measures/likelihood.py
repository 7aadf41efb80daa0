"""How well the model predicts held-out speech: token cross-entropy, and what each latent dimension carries.

T frames at 50 Hz, Z latent dims, V token ids.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from undertone.engine import Engine, Speech
from undertone.engine.audio.mel import normalise
from undertone.engine.config import Config
from undertone.engine.noise import SeededNoise
from undertone.studies.measures.intervals import Estimate, ShareEstimate, estimate, interval

ACTIVE_NATS = 0.02  # per frame: a latent dimension above this carries something


@dataclass(frozen=True)
class ClipLikelihood:
    """Sums over the frames of one clip."""

    cross_entropy: ShareEstimate  # nats, over frames
    kl_per_dim: tuple[float, ...]  # nats
    token_counts: tuple[int, ...]  # [V], how often each token occurs

    @property
    def kl(self) -> ShareEstimate:
        """Return the KL over all dimensions, nats."""
        return ShareEstimate(sum(self.kl_per_dim), self.cross_entropy.count)


class Likelihood(Config):
    """Likelihood of tokens and latents given the frames before them, pooled over clips."""

    cross_entropy_nats: Estimate  # per token
    perplexity: Estimate  # its exponential
    unigram_entropy_nats: Estimate  # of the same tokens: what predicting by frequency alone would reach
    kl_nats: Estimate  # per frame, all dimensions
    kl_nats_per_dim: tuple[float, ...]  # [Z], per frame
    active_dims: int  # of Z, with more than ACTIVE_NATS


@torch.inference_mode()
def clip_likelihood(engine: Engine, speech: Speech, seed: int = 0) -> ClipLikelihood:
    """Run one teacher-forced pass with a sample of the posterior; return the terms as in training (spec section 4).

    The flow's log determinant is spread evenly over the dimensions. The token that ends an utterance is not scored.
    A system without latents has no KL.
    """
    model = engine.bundle.model
    noise = SeededNoise([seed], engine.device)
    mel = normalise(speech.mel, model.config.mel)[None].to(engine.device)
    tokens = speech.tokens[None].to(engine.device)
    if model.config.has_latents:
        posterior = model.posterior(mel)
        latents = posterior.sample(noise.normal(*posterior.mean.shape))
        prior, base, logdet = model.predict(tokens, latents, noise)
        log_p = prior.base.log_prob(base) + logdet.sum(-1, keepdim=True) / model.config.latent_dim
        kl: Tensor = (posterior.negative_entropy() - log_p).sum((0, 1))
    else:
        prior, _, _ = model.predict(tokens, speech.latents[None].to(engine.device), noise)
        kl = torch.zeros(0)
    nats = F.cross_entropy(prior.logits[0], tokens[0], reduction="sum")
    counts = torch.bincount(speech.tokens, minlength=model.config.num_tokens)
    return ClipLikelihood(ShareEstimate(float(nats), len(speech.tokens)), tuple(kl.tolist()), tuple(counts.tolist()))


def pool_likelihoods(clips: Sequence[ClipLikelihood], clusters: Sequence[Hashable]) -> Likelihood:
    """Pool the likelihoods of clips, with intervals over clusters of clips."""
    cross_entropies = [clip.cross_entropy for clip in clips]
    cross_entropy = estimate(cross_entropies, clusters)
    perplexity = estimate(cross_entropies, clusters, np.exp)
    kl = estimate([clip.kl for clip in clips], clusters)
    assert cross_entropy is not None  # a clip has frames
    assert perplexity is not None
    assert kl is not None
    per_dim = np.array([clip.kl_per_dim for clip in clips]).sum(0) / sum(share.count for share in cross_entropies)
    return Likelihood(
        cross_entropy_nats=cross_entropy,
        perplexity=perplexity,
        unigram_entropy_nats=_unigram_entropy(clips, clusters, cross_entropy),
        kl_nats=kl,
        kl_nats_per_dim=tuple(per_dim.tolist()),
        active_dims=int((per_dim > ACTIVE_NATS).sum()),
    )


def _unigram_entropy(clips: Sequence[ClipLikelihood], clusters: Sequence[Hashable], like: Estimate) -> Estimate:
    counts: dict[Hashable, NDArray[np.float64]] = {}
    for clip, cluster in zip(clips, clusters, strict=True):
        counts[cluster] = counts.get(cluster, 0) + np.array(clip.token_counts, dtype=np.float64)
    low, value, high = interval(np.array(list(counts.values())), _entropy)
    return like.model_copy(update={"low": low, "value": value, "high": high})


def _entropy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropies [R], in nats, of the distributions that counts [R, V] describe."""
    shares = counts / counts.sum(1, keepdims=True)
    surprise = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-(shares * surprise).sum(1))
