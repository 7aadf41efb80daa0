"""In-domain miniatures of sWUGGY, sBLIMP and topic coherence: pairs spoken with recorded segments, scored by a bundle.

A pair counts 1 where the good side is likelier, 0.5 for a tie and 0 otherwise. Scores are of tokens, of latents and of
both, as sums and as means over frames: their orders can differ. Where a tokenizer's units are phones, tokens count too
as the phones stand for them ("phones"), without what the tokenizer misheard. Intervals are over clusters of pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from undertone.engine.files.validation import read_json_lines
from undertone.engine.generation.likelihood import SpeechLikelihood, Stream
from undertone.engine.ladder import JUDGEMENTS, SpokenPair
from undertone.engine.network import VAEGSLM
from undertone.studies.benchmarks.score_kinds import score_kinds
from undertone.studies.errors import MeasureError
from undertone.studies.ladder.credits import accuracy, pair_credits
from undertone.studies.lexical.scoring import (
    ClipFrames,
    FrameSource,
    concatenate_frames,
    side_likelihood,
    spoken_tokens,
)
from undertone.studies.measures.intervals import Estimate

Accuracies = dict[str, dict[str, Estimate]]  # by kind of score, then by judgement or phenomenon


@dataclass(frozen=True)
class SpokenScore:
    """Likelihoods of the two sides of a pair."""

    pair: SpokenPair
    good: SpeechLikelihood
    bad: SpeechLikelihood
    good_phones: SpeechLikelihood | None = None  # of the tokens that the phones stand for, where units are phones
    bad_phones: SpeechLikelihood | None = None


def existing_pairs(path: Path) -> Path:
    """Return the path of a file of spoken pairs.

    Raises:
        MeasureError: no such file.
    """
    if not path.is_file():
        raise MeasureError(f"{path} does not exist; `undertone text spoken-pairs` makes a file of spoken pairs.")
    return path


def read_spoken_pairs(path: Path, per_kind: int | None = None) -> list[SpokenPair]:
    """Read the pairs of a JSON-lines file.

    Args:
        per_kind: so many of each kind at most, the first of the file; None takes all.
    Raises:
        MeasureError: no such file, a line that is no spoken pair, or no pair at all.
    """
    taken: dict[str, list[SpokenPair]] = {}
    for found in read_json_lines(existing_pairs(path), SpokenPair, "spoken pair", MeasureError):
        taken.setdefault(found.pair.kind, []).append(found)
    pairs = [pair for of_kind in taken.values() for pair in of_kind[:per_kind]]
    if not pairs:
        raise MeasureError(f"{path} holds no pair; make it again with more --words.")
    return pairs


def score_spoken_pairs(
    model: VAEGSLM,
    pairs: Sequence[SpokenPair],
    frames: FrameSource,
    seed: int = 0,
    draws: int = 1,
    unit_names: Sequence[str] = (),
) -> list[SpokenScore]:
    """Score both sides of every pair after its context.

    A context that leaves no room for the longer side loses its beginning, the same on both sides.

    Args:
        model: in evaluation mode.
        frames: the recordings that the pairs were made of.
        seed: pair i draws its latents with seed + i, the same noise for both sides.
        draws: of the latents, averaged.
        unit_names: of the tokenizer; where they are phones, pairs are also scored without what the tokenizer misheard.
    Raises:
        MeasureError: a recording of a pair is missing or shorter than the pair says, or a side is too long.
    """
    scores = []
    for number, pair in enumerate(tqdm(pairs, desc="pairs", mininterval=5.0)):
        before, good, bad = (concatenate_frames(frames, spans) for spans in (pair.before, pair.good, pair.bad))
        room = model.config.transformer.max_positions - max(len(good.tokens), len(bad.tokens))
        if room < 1:
            raise MeasureError(f"the pair {pair.pair.good!r} is longer than the model's positions; leave it out.")
        context = last_frames(before, room)
        sides = [good, bad]
        if pair.good_phones and {*pair.good_phones, *pair.bad_phones} <= set(unit_names):
            sides.append(replace(good, tokens=spoken_tokens(pair.good_phones, pair.good, unit_names)))
            sides.append(replace(bad, tokens=spoken_tokens(pair.bad_phones, pair.bad, unit_names)))
        found = (side_likelihood(model, context, side, seed + number * draws, draws) for side in sides)
        scores.append(SpokenScore(pair, *found))
    return scores


def last_frames(frames: ClipFrames, number: int) -> ClipFrames:
    """Return the last so many frames, or all where there are fewer."""
    first = max(0, len(frames.tokens) - number)
    posterior = frames.posterior
    return ClipFrames(frames.tokens[first:], type(posterior)(posterior.mean[:, first:], posterior.logstd[:, first:]))


def miniature_accuracies(scores: Sequence[SpokenScore]) -> Accuracies:
    """Return accuracies by kind of score and by judgement, and those of grammar by phenomenon too."""
    rows: dict[str, list[SpokenScore]] = {
        judgement: [one for one in scores if one.pair.pair.judgement == judgement] for judgement in JUDGEMENTS
    }
    for one in rows["grammar"]:
        rows.setdefault(f"grammar: {one.pair.pair.kind}", []).append(one)
    rows = {row: of_row for row, of_row in rows.items() if of_row}
    likelihoods = [side for one in scores for side in (one.good, one.bad)]
    found = {
        kind: {
            row: _accuracy([(one, one.good, one.bad) for one in of_row], stream, mean) for row, of_row in rows.items()
        }
        for kind, stream, mean in score_kinds(likelihoods)
    }
    spoken = {
        row: [(one, one.good_phones, one.bad_phones) for one in of_row if one.good_phones and one.bad_phones]
        for row, of_row in rows.items()
    }
    if all(len(spoken[row]) == len(of_row) for row, of_row in rows.items()):
        for kind, mean in (("phones-sum", False), ("phones-mean", True)):
            found[kind] = {row: _accuracy(of_row, "tokens", mean) for row, of_row in spoken.items()}
    return found


def _accuracy(
    sides: Sequence[tuple[SpokenScore, SpeechLikelihood, SpeechLikelihood]], stream: Stream, mean: bool
) -> Estimate:
    good = np.array([likelihood.of(stream, mean) for _, likelihood, _ in sides])
    bad = np.array([likelihood.of(stream, mean) for _, _, likelihood in sides])
    return accuracy(pair_credits(good, bad).tolist(), [one.pair.pair.cluster for one, _, _ in sides])
