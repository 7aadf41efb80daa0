"""The file of lexical pairs: which words, of which split, in which voices."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from undertone.engine.lexical_pair import LexicalPair
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.pronunciations import list_pronunciations
from undertone.train.data.flat_corpus import read_index, stored_mel
from undertone.train.lexical.pairs import PairMaker
from undertone.train.lexical.pseudowords import (
    Bigrams,
    KnownWords,
    NonwordPair,
    count_words,
    find_nonwords,
)

log = logging.getLogger(__name__)

MIN_COUNT = 100  # of a word in the prose, about 7 million words


def choose_words(text: Path, lexicon_folder: Path, min_count: int = MIN_COUNT) -> list[list[NonwordPair]]:
    """Return the nonwords of every word that is common in the prose, the best match first."""
    lexicon = Lexicon(lexicon_folder)
    counts = count_words(text, lexicon)
    phones = {word: lexicon.phones(word) or () for word in counts}
    bigrams = Bigrams((phones[word], count) for word, count in counts.items())
    known = KnownWords({phones for _, phones in list_pronunciations(lexicon_folder)})
    common = sorted(word for word, count in counts.items() if count >= min_count)
    return [found for word in common if (found := find_nonwords(word, phones[word], known, bigrams))]


def make_pairs(
    segments: Path,
    prepared: Path,
    text: Path,
    lexicon_folder: Path,
    out: Path,
    split: str = "dev",
    num_words: int = 1000,
    seed: int = 0,
) -> Path:
    """Write the pairs of a split's speakers who are not in the train split.

    Args:
        segments: alignment of the prepared clips.
        out: the file, one JSON object a line.
        num_words: of each kind at most, drawn at random from the common ones.
    """
    choices = choose_words(text, lexicon_folder)
    random = np.random.default_rng(seed)
    clips = read_index(prepared)
    maker = PairMaker(CorpusAlignment.read(segments), clips, split, Lexicon(lexicon_folder), stored_mel(prepared))
    pairs = list(maker.pairs(choices, num_words, random))
    kinds = Counter(pair.kind for pair in pairs)
    log.info("%d pairs of %d words: %s", len(pairs), len({pair.word for pair in pairs}), dict(kinds))
    write_pairs(pairs, out)
    return out


def write_pairs(pairs: Sequence[LexicalPair], out: Path) -> None:
    """Write the pairs as JSON lines."""
    rows = [pair.model_dump(mode="json", by_alias=True) for pair in pairs]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
