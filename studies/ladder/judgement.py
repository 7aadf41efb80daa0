"""Accuracies of rungs with intervals, and differences between rungs on the same pairs.

A pair counts 1 where the good side is likelier, 0.5 for a tie and 0 otherwise; several seeds of a rung are averaged
pair by pair. Intervals are bootstraps over clusters of pairs: words, fillings of a frame, exchanged stories.
"""

import json
from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from undertone.engine.config import Config
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import (
    CONTINUATIONS,
    JUDGEMENTS,
    LAYERS,
    NGRAMS,
    PAIRS,
    RUNGS,
    SCORES,
    ContinuationScores,
    Judgement,
    LadderPair,
    LayerScores,
    NgramScores,
    Rung,
    RungScores,
)
from undertone.studies.errors import MeasureError
from undertone.studies.ladder.credits import accuracy, pair_credits
from undertone.studies.ladder.depth import layer_accuracies, reaching_layer
from undertone.studies.ladder.perplexity import ContinuationResult, judge_continuations
from undertone.studies.ladder.statements import Statement, judge_statements
from undertone.studies.measures.holm import holm
from undertone.studies.measures.intervals import Estimate, interval_and_p

RESULT = "ladder.json"
RESAMPLES = 10_000  # of differences
HEADLINE_BY_TOKEN: dict[Judgement, bool] = {"words": False, "grammar": False, "topics": True}
CONTRASTS: tuple[tuple[Rung, Rung], ...] = (
    ("text-bpe", "phone-bpe"),
    ("text-raw", "phone-raw"),
    ("text-raw", "phone-boundary"),
    ("phone-boundary", "phone-raw"),
    ("phone-raw", "phone-repeat"),
    ("phone-repeat", "speech-one"),
    ("speech-one", "speech-many"),
    ("speech-many", "speech-clusters"),
    ("phone-repeat", "speech-clusters"),
)


class RungResult(Config):
    """What one rung's models did, over all seeds."""

    rung: Rung
    seeds: int
    headline: dict[Judgement, Estimate]  # by the sum of nats; of topics by the mean per token
    other: dict[Judgement, Estimate]  # the other way round
    grammar: dict[str, Estimate]  # by phenomenon
    words_seen: int  # of each seed
    tokens_seen: int
    tokens_per_word: float
    vocabulary: int
    parameters: int
    nats_per_word: float
    minutes: float  # of all seeds
    layers: dict[Judgement, tuple[Estimate, ...]]  # accuracy by layer, of judgements without context
    reaching: tuple[int, ...]  # of each seed, the layer that nearly reaches the last one's accuracy on words
    continuations: ContinuationResult | None


class RungDifference(Config):
    """Difference of accuracies of two rungs on the same pairs, from the first to the second, in points."""

    before: Rung
    after: Rung
    judgement: Judgement
    points: float
    low: float
    high: float
    p: float  # that it is 0
    p_holm: float  # the same, corrected over all differences of this judgement (Holm)


class LadderResult(Config):
    """Everything that is measured of a ladder, as RESULT holds it."""

    pairs: dict[Judgement, int]
    rungs: tuple[RungResult, ...]
    contrasts: tuple[RungDifference, ...]
    ngrams: dict[int, dict[Judgement, Estimate]]  # phone n-grams by order, without context
    statements: tuple[Statement, ...]


class Ladder:
    """Pairs and scores of a ladder's folder.

    Raises:
        MeasureError: no such files, or scores of other pairs.
    """

    def __init__(self, folder: Path) -> None:
        for name in (PAIRS, NGRAMS):
            if not (folder / name).is_file():
                raise MeasureError(f"{folder} has no {name}; `undertone ladder` writes it.")
        try:
            lines = (folder / PAIRS).read_text(encoding="utf-8").splitlines()
            self.pairs = [LadderPair.model_validate_json(line) for line in lines]
            self.ngrams = NgramScores.model_validate_json((folder / NGRAMS).read_text(encoding="utf-8"))
            paths = sorted(folder.glob(f"*/{SCORES}"))
            self.scores = [RungScores.model_validate_json(path.read_text(encoding="utf-8")) for path in paths]
            paths = sorted(folder.glob(f"*/{LAYERS}"))
            layers = [LayerScores.model_validate_json(path.read_text(encoding="utf-8")) for path in paths]
            paths = sorted(folder.glob(f"*/{CONTINUATIONS}"))
            self.continuations = [
                ContinuationScores.model_validate_json(path.read_text(encoding="utf-8")) for path in paths
            ]
        except ValidationError as error:
            raise MeasureError(f"{folder} holds a file that is none of a ladder: {error}") from error
        self.layers = [scores for scores in layers if scores.pairs == self.ngrams.pairs]
        for scores in self.scores:
            if scores.pairs != self.ngrams.pairs or len(scores.good) != len(self.pairs):
                raise MeasureError(f"{scores.rung}, seed {scores.seed}, was scored on other pairs; train it again.")

    def of(self, rung: Rung) -> list[RungScores]:
        """Return the scores of a rung's seeds."""
        return [scores for scores in self.scores if scores.rung == rung]

    def places(self, judgement: Judgement, kind: str | None = None) -> list[int]:
        """Return the numbers of the pairs of a judgement, or of one kind of them."""
        return [
            number
            for number, pair in enumerate(self.pairs)
            if pair.judgement == judgement and kind in (None, pair.kind)
        ]

    def clusters(self, places: Sequence[int]) -> list[str]:
        """Return the cluster of each pair."""
        return [self.pairs[place].cluster for place in places]

    def credits(self, rung: Rung, by_token: bool) -> NDArray[np.float64]:
        """Return what each pair counts for a rung, [pairs], the mean over its seeds."""
        rows = []
        for scores in self.of(rung):
            good, bad = np.array(scores.good), np.array(scores.bad)
            if by_token:
                good, bad = good / scores.good_tokens, bad / scores.bad_tokens
            rows.append(pair_credits(good, bad))
        return np.asarray(np.mean(rows, axis=0))


def contrast(
    before: NDArray[np.float64], after: NDArray[np.float64], clusters: Sequence[Hashable]
) -> tuple[float, float, float, float]:
    """Return (low, value, high, p) of the mean of `after - before` on the same pairs, in points; p that it is 0."""
    sums: dict[Hashable, NDArray[np.float64]] = defaultdict(lambda: np.zeros(2))
    for difference, cluster in zip(after - before, clusters, strict=True):
        sums[cluster] += np.array([100 * difference, 1.0])

    def mean(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(drawn[:, 0] / drawn[:, 1])

    rows = np.array(list(sums.values()))
    return interval_and_p(rows, mean, RESAMPLES)


def read_result(folder: Path) -> LadderResult:
    """Return what `judge_ladder` wrote into a folder.

    Raises:
        MeasureError: nothing of it there, or of another version.
    """
    path = folder / RESULT
    if not path.is_file():
        raise MeasureError(f"{folder} has no {RESULT}; `undertone ladder` writes it.")
    try:
        return LadderResult.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise MeasureError(f"{path} is none of this version ({error.error_count()} errors); make it again.") from error


def judge_ladder(folder: Path) -> LadderResult:
    """Return the accuracies, contrasts and statements of a ladder, and write them to RESULT.

    Rungs that are not finished are left out; statements about them say so.

    Raises:
        MeasureError: no ladder in this folder.
    """
    ladder = Ladder(folder)
    present = [judgement for judgement in JUDGEMENTS if ladder.places(judgement)]
    rungs = tuple(_rung(ladder, rung, present) for rung in RUNGS if ladder.of(rung))
    trained = {result.rung for result in rungs}
    compared = [pair for pair in CONTRASTS if set(pair) <= trained]
    contrasts = tuple(one for judgement in present for one in _contrasts(ladder, compared, judgement))
    ngrams = {
        order: {judgement: _ngram(ladder, order, judgement) for judgement in present} for order in ladder.ngrams.good
    }
    result = LadderResult(
        pairs={judgement: len(ladder.places(judgement)) for judgement in present},
        rungs=rungs,
        contrasts=contrasts,
        ngrams=ngrams,
        statements=judge_statements(
            {result.rung: result.headline for result in rungs},
            {(one.before, one.after, one.judgement): (one.low, one.points, one.high) for one in contrasts},
            ngrams,
            {result.rung: result.reaching for result in rungs},
            {result.rung: result.continuations.perplexity for result in rungs if result.continuations},
        ),
    )
    write_whole(folder / RESULT, json.dumps(result.model_dump(mode="json"), indent=2) + "\n")
    return result


def _rung(ladder: Ladder, rung: Rung, judgements: Sequence[Judgement]) -> RungResult:
    def measured(judgement: Judgement, by_token: bool, kind: str | None = None) -> Estimate:
        places = ladder.places(judgement, kind)
        return accuracy(ladder.credits(rung, by_token)[places].tolist(), ladder.clusters(places))

    scores = ladder.of(rung)
    layers = [one for one in ladder.layers if one.rung == rung]
    scored = [judgement for judgement in judgements if layers and set(ladder.places(judgement)) <= {*layers[0].places}]
    continuations = [one for one in ladder.continuations if one.rung == rung]
    phenomena = dict.fromkeys(pair.kind for pair in ladder.pairs if pair.judgement == "grammar")
    return RungResult(
        rung=rung,
        seeds=len(scores),
        headline={judgement: measured(judgement, HEADLINE_BY_TOKEN[judgement]) for judgement in judgements},
        other={judgement: measured(judgement, not HEADLINE_BY_TOKEN[judgement]) for judgement in judgements},
        grammar={kind: measured("grammar", HEADLINE_BY_TOKEN["grammar"], kind) for kind in phenomena},
        words_seen=scores[0].words_seen,
        tokens_seen=scores[0].tokens_seen,
        tokens_per_word=scores[0].tokens_seen / max(1, scores[0].words_seen),
        vocabulary=scores[0].vocabulary,
        parameters=scores[0].parameters,
        nats_per_word=float(np.mean([one.nats_per_word for one in scores])),
        minutes=sum(one.minutes for one in scores),
        layers={
            judgement: layer_accuracies(layers, places, ladder.clusters(places))
            for judgement in scored
            for places in [ladder.places(judgement)]
        },
        reaching=tuple(reaching_layer(one, ladder.places("words")) for one in layers if "words" in scored),
        continuations=judge_continuations(continuations) if continuations else None,
    )


def _contrasts(ladder: Ladder, compared: Sequence[tuple[Rung, Rung]], judgement: Judgement) -> list[RungDifference]:
    """Return the differences of one judgement, which are corrected among themselves."""
    places = ladder.places(judgement)
    clusters = ladder.clusters(places)
    by_token = HEADLINE_BY_TOKEN[judgement]
    credits = {rung: ladder.credits(rung, by_token)[places] for rung in {rung for pair in compared for rung in pair}}
    found = [contrast(credits[before], credits[after], clusters) for before, after in compared]
    corrected = holm([p for *_, p in found])
    return [
        RungDifference(
            before=before, after=after, judgement=judgement, points=points, low=low, high=high, p=p, p_holm=p_holm
        )
        for (before, after), (low, points, high, p), p_holm in zip(compared, found, corrected, strict=True)
    ]


def _ngram(ladder: Ladder, order: int, judgement: Judgement) -> Estimate:
    places = ladder.places(judgement)
    credits = pair_credits(np.array(ladder.ngrams.good[order]), np.array(ladder.ngrams.bad[order]))
    return accuracy(credits[places].tolist(), ladder.clusters(places))
