"""A few held-out sentences as the tokens of every rung, to be looked at and heard."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import LadderSentence, LadderSentences, Rung, RungTokens
from undertone.train.ladder.cluster_units import likeliest_units
from undertone.train.ladder.passages import PAUSE, LadderText, Sentence, TextWord, marked_text, num_words
from undertone.train.ladder.streams import SpeechOfLadder, TokenStream
from undertone.train.tokenizer.phone_parts import parts_of

SHOWN = 3
SHOWN_WORDS = (7, 12)
EVEN_FRAMES = 5  # of a phone whose stream has no durations: the mean of recorded speech
SENTENCE_KEY = 2_000_003  # in keys of sentences, so that none is that of a passage or a pair


def shown_sentences(text: LadderText, number: int = SHOWN) -> list[Sentence]:
    """Return the first sentence of fitting length of so many held-out books."""
    found = []
    for passage in text.held_out:
        fitting = (one for one in passage.sentences if SHOWN_WORDS[0] <= num_words(one) <= SHOWN_WORDS[1])
        found += [sentence] if (sentence := next(fitting, None)) else []
    return found[:number]


def write_sentences(
    sentences: Sequence[Sentence],
    streams: Mapping[Rung, TokenStream],
    speech: SpeechOfLadder,
    phones: tuple[str, ...],
    path: Path,
) -> LadderSentences:
    """Write sentences as the tokens of every rung, and as the units that a voice is given to say these tokens."""
    names_of_clusters = likeliest_units(speech.clusters, speech.units)
    shown = []
    for number, sentence in enumerate(sentences):
        words = [PAUSE, *sentence, PAUSE]
        rungs: dict[Rung, RungTokens] = {}
        for rung, stream in streams.items():
            tokens = stream.encode(words, (SENTENCE_KEY, number))
            names = tuple(tuple(stream.names[token] for token in word) for word in tokens)
            units = _units(rung, words, np.concatenate(tokens), len(phones), names_of_clusters)
            rungs[rung] = RungTokens(words=names, units=tuple(units.tolist()))
        shown.append(LadderSentence(text=marked_text(sentence), rungs=rungs))
    found = LadderSentences(phones=phones, sentences=tuple(shown))
    write_whole(path, found.model_dump_json())
    return found


def _units(
    rung: Rung, words: Sequence[TextWord], tokens: np.ndarray, num_phones: int, names_of_clusters: np.ndarray
) -> np.ndarray:
    """Return the unit of every frame, parts of phones, int64 [T]; none for letters."""
    if rung in ("text-bpe", "text-raw"):
        return tokens[:0]
    if rung in ("speech-one", "speech-many"):
        return tokens
    if rung == "speech-clusters":
        return np.asarray(names_of_clusters[tokens])
    if rung == "phone-repeat":
        changes = np.flatnonzero(np.diff(tokens)) + 1
        ends = np.append(changes, len(tokens))
        return parts_of(tokens[ends - 1], ends, num_phones)
    phones = np.array([phone for word in words for phone in word.phones], dtype=np.int64)
    return parts_of(phones, EVEN_FRAMES * np.arange(1, len(phones) + 1), num_phones)
