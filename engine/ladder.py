"""What the modality ladder writes and reads: a pair to judge, and the likelihoods that a rung gives to all pairs.

Training writes both files, the studies read them. A rung is one token stream of the same text, from pieces of words to
units of speech (arXiv 2412.17048).
"""

import hashlib
from pathlib import Path
from typing import Literal, get_args

from undertone.engine.config import Config
from undertone.engine.lexical_pair import FrameSpan

Rung = Literal["text-bpe", "text-raw", "phone-bpe", "phone-raw", "phone-repeat", "speech-one", "speech-many"]
Judgement = Literal["words", "grammar", "topics"]

RUNGS: tuple[Rung, ...] = get_args(Rung)
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)
PAUSE_MARK = ","  # a pause in the texts of pairs
PAUSE_PHONE = "silence"  # as units of tokenizers call it
PAIRS, NGRAMS = "pairs.jsonl", "ngrams.json"  # in a ladder's folder
SPOKEN_PAIRS = "spoken-pairs.jsonl"  # for models of speech
SCORES = "scores.json"  # in the folder of each rung and seed


class LadderPair(Config):
    """Two texts of which the first should be likelier; they differ in one thing.

    Texts are upper-case words of the dictionary with spaces between, and PAUSE_MARK where a pause is.
    """

    judgement: Judgement
    kind: str  # of grammar, the phenomenon; else that of the judgement
    cluster: str  # pairs of one cluster are resampled together: a word, a lexical filling, two stories
    context: str = ""  # before both, not scored
    good: str
    bad: str
    bad_phones: str = ""  # of a nonword, which no dictionary holds, with spaces between


class SpokenPair(Config):
    """A pair spoken with recorded segments of one voice, between two pauses; where both sides agree, with the same."""

    pair: LadderPair
    speaker: str
    before: tuple[FrameSpan, ...]  # the context, or a pause, not scored
    good: tuple[FrameSpan, ...]
    bad: tuple[FrameSpan, ...]
    good_phones: tuple[str, ...] = ()  # of its spans, by the dictionary's names; PAUSE_PHONE for a pause
    bad_phones: tuple[str, ...] = ()


def fingerprint_of_pairs(path: Path) -> str:
    """Return what tells a file of pairs from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class RungScores(Config):
    """Log-likelihoods of one rung's model, trained from one seed, for the pairs in the order of their file."""

    rung: Rung
    seed: int
    pairs: str  # fingerprint of the file of pairs
    good: tuple[float, ...]  # sums over tokens, nats
    bad: tuple[float, ...]
    good_tokens: tuple[int, ...]  # that were scored
    bad_tokens: tuple[int, ...]
    words_seen: int  # in training, over all epochs
    tokens_seen: int
    vocabulary: int
    parameters: int
    nats_per_word: float  # of held-out text
    minutes: float  # of training


class NgramScores(Config):
    """Log-likelihoods of phone n-gram models of the same text for the pairs, without their context."""

    pairs: str
    good: dict[int, tuple[float, ...]]  # by order of the model
    bad: dict[int, tuple[float, ...]]
