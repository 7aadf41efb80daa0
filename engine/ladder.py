"""What the modality ladder writes and reads: a pair to judge, what a rung makes of all pairs, and spoken sentences.

Training writes both files, the studies read them. A rung is one token stream of the same text, from pieces of words to
units of speech (arXiv 2412.17048).
"""

import hashlib
from pathlib import Path
from typing import Literal, get_args

from undertone.engine.config import Config
from undertone.engine.lexical_pair import FrameSpan

Rung = Literal[
    "text-bpe", "text-raw", "phone-bpe", "phone-boundary", "phone-raw", "phone-repeat", "speech-one", "speech-many",
    "speech-clusters",
]  # fmt: skip
Judgement = Literal["words", "grammar", "topics"]

RUNGS: tuple[Rung, ...] = get_args(Rung)
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)
PAUSE_MARK = ","  # a pause in the texts of pairs
PAUSE_PHONE = "silence"  # as units of tokenizers call it
PAIRS, NGRAMS = "pairs.jsonl", "ngrams.json"  # in a ladder's folder
SPOKEN_PAIRS = "spoken-pairs.jsonl"  # for models of speech
SENTENCES = "sentences.json"  # the same sentences as the tokens of every rung
SCORES = "scores.json"  # in the folder of each rung and seed
LAYERS, CONTINUATIONS = "layers.json", "continuations.json"  # beside them


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


class LayerScores(Config):
    """Log-likelihoods of some pairs by each layer's output, read by the final norm and the head."""

    rung: Rung
    seed: int
    pairs: str  # fingerprint of the file of pairs
    places: tuple[int, ...]  # of these pairs in the file
    good: tuple[tuple[float, ...], ...]  # by layer, sums over tokens, nats
    bad: tuple[tuple[float, ...], ...]


class Continued(Config):
    """Phones behind a prompt, and how well a judge of phones expects them."""

    prompt: int  # number of the prompt
    phones: tuple[str, ...]  # by the dictionary's names, PAUSE_PHONE for a pause; doubles are one
    nats: float  # of all phones given those before, by the judge


class ContinuationScores(Config):
    """Continuations that one rung's model has drawn, as phones."""

    rung: Rung
    seed: int
    text: str  # fingerprint of prompts and judge
    drawn: tuple[Continued, ...]
    true: tuple[Continued, ...]  # what follows each prompt in its book, as the same rung says it


class NgramScores(Config):
    """Log-likelihoods of phone n-gram models of the same text for the pairs, without their context."""

    pairs: str
    good: dict[int, tuple[float, ...]]  # by order of the model
    bad: dict[int, tuple[float, ...]]


class RungTokens(Config):
    """A sentence as one rung's tokens."""

    words: tuple[tuple[str, ...], ...]  # names of the tokens of every word and pause
    units: tuple[int, ...] = ()  # what the voice is given to say them, 50 a second; none where they are letters


class LadderSentence(Config):
    """A sentence that no rung was trained on."""

    text: str  # upper-case words, PAUSE_MARK where a pause is
    rungs: dict[Rung, RungTokens]


class LadderSentences(Config):
    """Sentences to look at and to hear, rung by rung."""

    phones: tuple[str, ...]  # of the dictionary: the units are their parts
    sentences: tuple[LadderSentence, ...]
