"""Word search: a Viterbi pass over the pronunciation tree makes a lattice of words, a second one joins them by n-grams.

S runs of phones, N nodes of the tree, E word ends. The first pass keeps, for every run that has been read and every
node, the cheapest way there; it allows for phones that were misheard, missed, or heard where none was said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertone.engine.words.phone_costs import PhoneCosts
from undertone.engine.words.phone_runs import SILENCE, PhoneRun
from undertone.engine.words.vocabulary import ROOT, NGrams, PronunciationTree

WORDS_KEPT = 24  # for every place where words may end
HISTORIES_KEPT = 10
BEAM_NATS = 12.0  # beyond it behind the best at the same place a history or a word is given up
LANGUAGE_WEIGHT = 0.75  # of log probabilities of words, against the costs of phones
WORD_COST = 0.0  # of every word
UNKNOWN_COST = 6.0  # of a stretch that no word fits
UNKNOWN_PHONE_COST = 3.0  # and of each of its phones
PAUSE_FRAMES = 10  # a longer silence ends a word
SILENCE_FRAME_COST = 0.5  # of a shorter one inside of a word, which has a stop there


@dataclass(frozen=True)
class FoundWord:
    """Word of the search.

    Attributes:
        text: None for a stretch that no word fits, "" for silence.
        first, end: its runs of phones, the end not among them.
        node: of the tree, which has its pronunciation.
        cost: nats of its phones.
    """

    text: str | None
    first: int
    end: int
    node: int
    cost: float


@dataclass(frozen=True)
class _Hypothesis:
    """Cheapest way to a place whose last word is this one."""

    cost: float
    word: FoundWord | None
    before: "_Hypothesis | None"
    history: tuple[str, ...]  # newest first


def search_words(
    runs: Sequence[PhoneRun], tree: PronunciationTree, grams: NGrams, costs: PhoneCosts
) -> list[FoundWord]:
    """Return the likeliest words of runs of phones, with silences and what no word fits between them, in order."""
    return _join(_lattice(runs, tree, costs), grams)


def _lattice(runs: Sequence[PhoneRun], tree: PronunciationTree, costs: PhoneCosts) -> list[list[FoundWord]]:
    """Return for each place between runs the words that end there."""
    cost = np.full(len(tree.parent), np.inf, np.float32)
    first = np.zeros(len(tree.parent), np.int32)
    entry = [0.0]  # the cheapest way to each place by words and their own probabilities
    cost[ROOT] = 0.0
    _allow_missed(cost, first, tree, costs)
    lattice: list[list[FoundWord]] = [[]]
    for place, run in enumerate(runs, start=1):
        cost, first = _read(cost, first, run, tree, costs)
        cost[ROOT] = np.inf
        found, best = _word_ends(cost, first, entry, tree, place)
        if run.phone == SILENCE:
            found.append(FoundWord("", place - 1, place, ROOT, 0.0))
            best = min(best, entry[-1])
        else:
            found.append(FoundWord(None, place - 1, place, ROOT, UNKNOWN_PHONE_COST))
            best = min(best, entry[-1] + UNKNOWN_PHONE_COST + UNKNOWN_COST)
        entry.append(best)
        lattice.append(found)
        cost[ROOT], first[ROOT] = best, place
        _allow_missed(cost, first, tree, costs)
    return lattice


def _read(
    cost: NDArray[np.float32], first: NDArray[np.int32], run: PhoneRun, tree: PronunciationTree, costs: PhoneCosts
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return cost and first run of every node when one more run was read: as the node's phone, or as one too many."""
    if run.phone == SILENCE:
        extra = SILENCE_FRAME_COST * run.num_frames if run.num_frames <= PAUSE_FRAMES else np.inf
        return cost + np.float32(extra), first
    read = cost[tree.parent] + costs.heard[tree.phone, run.phone]
    extra_phone = cost + np.float32(costs.inserted)
    extra_phone[ROOT] = np.inf
    took = read <= extra_phone
    return np.where(took, read, extra_phone), np.where(took, first[tree.parent], first)


def _allow_missed(
    cost: NDArray[np.float32], first: NDArray[np.int32], tree: PronunciationTree, costs: PhoneCosts
) -> None:
    """Let nodes be reached whose phone was said and not heard; never two in a row."""
    missed = cost[tree.parent] + np.float32(costs.missed)
    missed[ROOT] = np.inf
    took = np.flatnonzero(missed < cost)
    cost[took], first[took] = missed[took], first[tree.parent[took]]


def _word_ends(
    cost: NDArray[np.float32], first: NDArray[np.int32], entry: Sequence[float], tree: PronunciationTree, place: int
) -> tuple[list[FoundWord], float]:
    """Return the likeliest words that end at a place, and the cost of the best way there."""
    total = cost[tree.end_node] - np.float32(LANGUAGE_WEIGHT) * tree.unigram + np.float32(WORD_COST)
    kept = np.argpartition(total, WORDS_KEPT)[:WORDS_KEPT] if len(total) > WORDS_KEPT else np.arange(len(total))
    best = float(total[kept].min(initial=np.inf))
    found = []
    for index in kept:
        node = int(tree.end_node[index])
        began = int(first[node])
        if total[index] <= best + BEAM_NATS and began < place:
            own = float(cost[node]) - entry[began]
            found.append(FoundWord(tree.words[tree.end_word[index]], began, place, node, own))
    return found, best


def _join(lattice: Sequence[Sequence[FoundWord]], grams: NGrams) -> list[FoundWord]:
    """Return the cheapest chain of words through a lattice, each given the two before it."""
    places: list[list[_Hypothesis]] = [[_Hypothesis(0.0, None, None, ())]]
    for found in lattice[1:]:
        best: dict[tuple[str, ...], _Hypothesis] = {}
        cheapest = math.inf
        for word in found:
            for before in places[word.first]:
                if before.cost + word.cost > cheapest + BEAM_NATS:
                    break  # those behind it cost more
                cost, history = _extend(before, word, grams)
                known = best.get(history[:1])
                if known is None or cost < known.cost:
                    best[history[:1]] = _Hypothesis(cost, word, before, history)
                    cheapest = min(cheapest, cost)
        ranked = sorted(best.values(), key=lambda one: one.cost)[:HISTORIES_KEPT]
        places.append([one for one in ranked if one.cost <= cheapest + BEAM_NATS])
    chain: list[FoundWord] = []
    at: _Hypothesis | None = places[-1][0]
    while at is not None and at.word is not None:
        chain.append(at.word)
        at = at.before
    return chain[::-1]


def _extend(before: _Hypothesis, word: FoundWord, grams: NGrams) -> tuple[float, tuple[str, ...]]:
    """Return cost and history of a hypothesis with one more word."""
    if word.text == "":
        return before.cost, before.history
    if word.text is None:
        begins = before.word is None or before.word.text is not None
        return before.cost + word.cost + (UNKNOWN_COST if begins else 0.0), ()
    likely = grams.log_probability(word.text, *before.history)
    return before.cost + word.cost + WORD_COST - LANGUAGE_WEIGHT * likely, (word.text, *before.history[:1])
