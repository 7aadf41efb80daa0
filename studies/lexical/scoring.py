"""Score lexical pairs: is a word likelier to the model than a nonword of the same phones, in a voice it never heard?

Both sides of a pair are the same frames of one speaker's recordings in another order, so that only the order of the
phones says which is the word (spot-the-word, as in sWUGGY, arXiv 2011.11588). T frames at 50 Hz, Z latent dims.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from undertone.engine.config import Config
from undertone.engine.files.validation import read_json_lines
from undertone.engine.generation.likelihood import SpeechLikelihood
from undertone.engine.lexical_pair import FrameSpan, LexicalPair, PairKind
from undertone.engine.network import VAEGSLM, Gaussian
from undertone.engine.noise import SeededNoise
from undertone.studies.errors import MeasureError
from undertone.studies.measures.intervals import Estimate, ShareEstimate, estimate


@dataclass(frozen=True)
class ClipFrames:
    """Tokens and posteriors of a recording."""

    tokens: Tensor  # int64 [T]
    posterior: Gaussian  # [1, T, Z]


class FrameSource(Protocol):
    """Source of analysed recordings by their id."""

    def clip(self, clip_id: str) -> ClipFrames:
        """Return all frames of a recording.

        Raises:
            MeasureError: there is no such recording.
        """
        ...


@dataclass(frozen=True)
class PairScore:
    """Negative log-likelihoods of both sides of a pair, nats per frame; the smaller, the likelier."""

    pair: LexicalPair
    word_token_nats: float
    nonword_token_nats: float
    word_nats: float  # of tokens and latents
    nonword_nats: float
    word_spoken_nats: float | None = None  # of the tokens that the phones stand for, where units are named by phones
    nonword_spoken_nats: float | None = None


class LexicalAccuracy(Config):
    """Share of words likelier than their nonwords, 0.5 for a tie, with intervals over words.

    A word that is spoken several times counts once, by the mean of its pairs.
    """

    tokens: Estimate  # by the tokens' likelihood
    tokens_and_latents: Estimate  # by that and the latents' bound
    by_phones: Estimate  # by phone bigrams of running text, which knows no words: what guessing by sounds would reach
    spoken_tokens: Estimate | None = None  # with the tokens that the phones stand for instead of those that were heard


@dataclass(frozen=True)
class LexicalResult:
    """Accuracies by kind of pair, and what they were computed from."""

    accuracies: dict[PairKind, LexicalAccuracy]
    scores: list[PairScore]


def score_row(score: PairScore) -> dict[str, Any]:
    """Return a score as a row of a scores file; like the files of pairs it calls the nonword "twin"."""
    row = {key.replace("nonword", "twin"): value for key, value in asdict(score).items()}
    return row | {"pair": score.pair.model_dump(mode="json", by_alias=True)}


def read_pairs(path: Path) -> list[LexicalPair]:
    """Read the pairs of a JSON-lines file.

    Raises:
        MeasureError: no such file, or a line that is no pair.
    """
    if not path.is_file():
        raise MeasureError(f"{path} does not exist; `undertone text pairs` makes a file of lexical pairs.")
    pairs = read_json_lines(path, LexicalPair, "lexical pair", MeasureError)
    if not pairs:
        raise MeasureError(f"{path} is empty; make it again with a split that has held-out speakers.")
    return pairs


def lexical_accuracy(
    model: VAEGSLM,
    pairs: Sequence[LexicalPair],
    frames: FrameSource,
    seed: int = 0,
    draws: int = 1,
    unit_names: Sequence[str] = (),
) -> LexicalResult:
    """Score pairs by the model's likelihood per frame.

    Args:
        model: in evaluation mode.
        pairs: `read_pairs` of a file.
        frames: the recordings that the pairs' runs lie in.
        seed: pair i draws its latents with seed + i, the same noise for both sides.
        draws: of the latents, averaged.
        unit_names: of the tokenizer; where they are phones, pairs are also scored without what the tokenizer misheard.
    Raises:
        MeasureError: a recording of a pair is missing or shorter than the pair says.
    """
    scores = [score(model, pair, frames, seed + number * draws, draws, unit_names) for number, pair in enumerate(pairs)]
    kinds: list[PairKind] = ["alone", "carried"]
    accuracies = {
        kind: _accuracy(of_kind) for kind in kinds if (of_kind := [one for one in scores if one.pair.kind == kind])
    }
    return LexicalResult(accuracies, scores)


def score(
    model: VAEGSLM, pair: LexicalPair, frames: FrameSource, seed: int, draws: int, unit_names: Sequence[str] = ()
) -> PairScore:
    """Score both sides of one pair."""
    before = concatenate_frames(frames, pair.before)
    sides = [concatenate_frames(frames, runs) for runs in (pair.word_units, pair.nonword_units)]
    found = [nats_per_frame(model, before, side, seed, draws) for side in sides]
    (word_tokens, word_latents), (nonword_tokens, nonword_latents) = found
    scored = PairScore(pair, word_tokens, nonword_tokens, word_tokens + word_latents, nonword_tokens + nonword_latents)
    if not set(pair.phones) <= set(unit_names):
        return scored
    spoken = [
        replace(side, tokens=spoken_tokens(phones, runs, unit_names))
        for side, phones, runs in zip(
            sides, (pair.phones, pair.nonword_phones), (pair.word_units, pair.nonword_units), strict=True
        )
    ]
    word, nonword = (nats_per_frame(model, before, side, seed, draws)[0] for side in spoken)
    return replace(scored, word_spoken_nats=word, nonword_spoken_nats=nonword)


def spoken_tokens(phones: Sequence[str], runs: Sequence[FrameSpan], unit_names: Sequence[str]) -> Tensor:
    """Return the tokens that phones stand for, as long as their segments: equal parts of each, int64 [T]."""
    found = []
    for phone, (_, start, end) in zip(phones, runs, strict=True):
        first, num_parts = unit_names.index(phone), unit_names.count(phone)
        found.append(first + torch.arange(end - start) * num_parts // (end - start))
    return torch.cat(found)


def concatenate_frames(frames: FrameSource, spans: Sequence[FrameSpan]) -> ClipFrames:
    """Concatenate spans of recordings; nothing is blended where they meet."""
    tokens, means, logstds = [], [], []
    for clip_id, start, end in spans:
        clip = frames.clip(clip_id)
        if not 0 <= start < end <= len(clip.tokens):
            raise MeasureError(
                f"clip {clip_id} has {len(clip.tokens)} frames and a pair asks for {start} to {end}; "
                "the pairs were made from other recordings."
            )
        tokens.append(clip.tokens[start:end])
        means.append(clip.posterior.mean[:, start:end])
        logstds.append(clip.posterior.logstd[:, start:end])
    return ClipFrames(torch.cat(tokens), Gaussian(torch.cat(means, dim=1), torch.cat(logstds, dim=1)))


def nats_per_frame(
    model: VAEGSLM, before: ClipFrames, side: ClipFrames, seed: int, draws: int = 1
) -> tuple[float, float]:
    """Return a side's negative log-likelihood after its context, nats per frame: of the tokens and of the latents.

    The term of the latents is that of the training loss; 0 for a system without latents.
    """
    found = side_likelihood(model, before, side, seed, draws)
    latents = -found.of("latents", per_frame=True) if model.config.has_latents else 0.0
    return -found.of("tokens", per_frame=True), latents


@torch.inference_mode()
def side_likelihood(
    model: VAEGSLM, before: ClipFrames, side: ClipFrames, seed: int, draws: int = 1
) -> SpeechLikelihood:
    """Return a side's likelihood after its context: of its tokens, and of its latents or codes where there are any.

    Args:
        model: in evaluation mode.
        before: the context, not scored.
        seed: of the latents, drawn `draws` times and the results averaged.
    """
    tokens = torch.cat([before.tokens, side.tokens])[None].to(model.device)
    mean = torch.cat([before.posterior.mean, side.posterior.mean], dim=1).to(model.device)
    logstd = torch.cat([before.posterior.logstd, side.posterior.logstd], dim=1).to(model.device)
    posterior = Gaussian(mean.expand(draws, -1, -1), logstd.expand(draws, -1, -1))
    tokens = tokens.expand(draws, -1)
    noise = SeededNoise(range(seed, seed + draws), model.device)
    latents = posterior.sample(noise.normal(*posterior.mean.shape))
    prior, base, logdet = model.predict(tokens, latents, noise)
    scored = slice(len(before.tokens), None)
    token_nats = F.cross_entropy(prior.logits.transpose(1, 2), tokens, reduction="none")[:, scored]
    beside = None
    if model.config.has_latents:
        log_p = prior.base.log_prob(base).sum(-1) + logdet.sum(-1)
        beside = (posterior.negative_entropy().sum(-1) - log_p)[:, scored]
    elif model.config.beside == "codes":
        nats = model.beside_error(prior, tokens, latents)
        assert nats is not None  # codes have a density
        beside = nats[:, scored]
    return SpeechLikelihood(
        -float(token_nats.sum(1).mean()), None if beside is None else -float(beside.sum(1).mean()), len(side.tokens)
    )


def _accuracy(scores: list[PairScore]) -> LexicalAccuracy:
    words = list(dict.fromkeys(one.pair.word for one in scores))

    def share(margins: list[float]) -> Estimate:
        sums = dict.fromkeys(words, 0.0)
        for one, margin in zip(scores, margins, strict=True):
            sums[one.pair.word] += margin
        found = estimate([ShareEstimate(0.5 + 0.5 * ((total > 0) - (total < 0)), 1) for total in sums.values()], words)
        assert found is not None  # every word counts
        return found

    spoken = [
        one.nonword_spoken_nats - one.word_spoken_nats
        for one in scores
        if one.nonword_spoken_nats is not None and one.word_spoken_nats is not None
    ]
    return LexicalAccuracy(
        spoken_tokens=share(spoken) if len(spoken) == len(scores) else None,
        tokens=share([one.nonword_token_nats - one.word_token_nats for one in scores]),
        tokens_and_latents=share([one.nonword_nats - one.word_nats for one in scores]),
        by_phones=share([one.pair.bigram_nats for one in scores]),
    )
