"""Pairs of a sentence that follows a rule of English grammar and one that breaks it in one place.

Forms are balanced: what is right in one pair is wrong in its partner ("the boy sees", "the boys see"), or both sides
have the same words in another order. So the words' frequencies say nothing. Sentences are made of words that the
training text holds often enough, and none of them stands in it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np

from undertone.engine.ladder import LadderPair
from undertone.train.ladder.passages import Passage, marked_text

NOUNS = (
    "boy boys|girl girls|man men|woman women|friend friends|mother mothers|brother brothers|sister sisters|king kings|"
    "lady ladies|master masters|doctor doctors|officer officers|soldier soldiers|servant servants|stranger strangers|"
    "horse horses|dog dogs|bird birds|child children|gentleman gentlemen|father fathers|son sons|daughter daughters"
)
THINGS = (
    "house houses|door doors|room rooms|book books|letter letters|tree trees|ship ships|boat boats|street streets|"
    "window windows|table tables|chair chairs|road roads|hand hands|eye eyes|word words|day days|night nights|"
    "place places|thing things|flower flowers|hill hills|stone stones|wall walls|field fields|face faces|hour hours"
)
VERBS = (  # base, third person, past, participle
    "see sees saw seen|know knows knew known|take takes took taken|give gives gave given|write writes wrote written|"
    "speak speaks spoke spoken|break breaks broke broken|go goes went gone|begin begins began begun|"
    "fall falls fell fallen|rise rises rose risen|forget forgets forgot forgotten|choose chooses chose chosen|"
    "draw draws drew drawn|throw throws threw thrown|show shows showed shown|eat eats ate eaten|"
    "do does did done|come comes came|think thinks thought|want wants wanted|love loves loved|"
    "hear hears heard|feel feels felt|say says said|like likes liked|look looks looked|seem seems seemed|"
    "live lives lived|believe believes believed|wish wishes wished|stand stands stood|keep keeps kept|make makes made"
)
ADJECTIVES = "old young little great good poor black white new dear small long large strange beautiful happy dark fine"
MEN, WOMEN = "man boy king gentleman father son brother uncle", "woman girl queen lady mother daughter sister aunt"
SELF_VERBS = "saw told found asked threw hurt knew made"
LEADS = ("i know that", "they said that", "and so", "but now", "when", "")
NUMBERS = "two three four five six seven many"

Pairing = tuple[str, str, str]  # what they are resampled with, the right sentence, the wrong one


def _forms(table: str) -> list[list[str]]:
    return [entry.split() for entry in table.split("|")]


def agreement(lead: str) -> Iterator[Pairing]:
    """Yield subjects with the verb of their number and of the other."""
    for (one, many), (base, third, *_) in product(_forms(NOUNS), _forms(VERBS)):
        yield f"{one} {base}", f"{lead} the {one} {third} it", f"{lead} the {one} {base} it"
        yield f"{one} {base}", f"{lead} the {many} {base} it", f"{lead} the {many} {third} it"


def determiners(lead: str) -> Iterator[Pairing]:
    """Yield nouns with the determiner of their number and of the other."""
    for (one, many), (single, plural) in product(_forms(f"{NOUNS}|{THINGS}"), (("this", "these"), ("that", "those"))):
        yield f"{one} {single}", f"{lead} he saw {single} {one}", f"{lead} he saw {plural} {one}"
        yield f"{one} {single}", f"{lead} he saw {plural} {many}", f"{lead} he saw {single} {many}"


def adjective_order(lead: str) -> Iterator[Pairing]:
    """Yield an adjective before its noun and behind it."""
    for (one, _), adjective in product(_forms(f"{NOUNS}|{THINGS}"), ADJECTIVES.split()):
        yield f"{one} {adjective}", f"{lead} the {adjective} {one} was there", f"{lead} the {one} {adjective} was there"


def participles(lead: str) -> Iterator[Pairing]:
    """Yield the past and the participle where the other belongs."""
    for (one, _), (base, _, past, *rest) in product(_forms(NOUNS), _forms(VERBS)):
        for participle in rest:
            yield f"{one} {base}", f"{lead} the {one} had {participle} it", f"{lead} the {one} had {past} it"
            yield f"{one} {base}", f"{lead} the {one} {past} it", f"{lead} the {one} {participle} it"


def existence(lead: str) -> Iterator[Pairing]:
    """Yield "there is" and "there are" before one thing and before several."""
    for (one, many), number in product(_forms(f"{NOUNS}|{THINGS}"), NUMBERS.split()):
        yield f"{one} {number}", f"{lead} there was one {one}", f"{lead} there were one {one}"
        yield f"{one} {number}", f"{lead} there were {number} {many}", f"{lead} there was {number} {many}"


def reflexives(lead: str) -> Iterator[Pairing]:
    """Yield a man and a woman with the reflexive pronoun of their gender and of the other."""
    for (man, woman), verb in product(zip(MEN.split(), WOMEN.split(), strict=True), SELF_VERBS.split()):
        yield f"{man} {verb}", f"{lead} the {man} {verb} himself", f"{lead} the {man} {verb} herself"
        yield f"{man} {verb}", f"{lead} the {woman} {verb} herself", f"{lead} the {woman} {verb} himself"


PHENOMENA: dict[str, tuple[Callable[[str], Iterator[Pairing]], int]] = {  # and pairs that go together
    "subject and verb": (agreement, 2),
    "determiner and noun": (determiners, 2),
    "adjective and noun": (adjective_order, 1),
    "participle": (participles, 2),
    "there was and were": (existence, 2),
    "reflexive": (reflexives, 2),
}


def grammar_pairs(
    passages: Sequence[Passage], counts: Counter[str], per_kind: int, min_count: int, random: np.random.Generator
) -> Iterator[LadderPair]:
    """Yield at most so many pairs of every phenomenon, drawn at random.

    Args:
        passages: the training text, of which no sentence may be one of a pair.
        counts: of its words.
        min_count: of every word of a pair.
    """
    text = f" {' , '.join(marked_text(passage.words) for passage in passages)} "
    for kind, (sentences, together) in PHENOMENA.items():
        yield from _drawn(kind, sentences, together, text, counts, per_kind, min_count, random)


def _drawn(
    kind: str,
    sentences: Callable[[str], Iterator[Pairing]],
    together: int,
    text: str,
    counts: Counter[str],
    per_kind: int,
    min_count: int,
    random: np.random.Generator,
) -> Iterator[LadderPair]:
    """Yield pairs of one phenomenon in groups, so that a group is whole or left out."""
    every = [pairing for lead in LEADS for pairing in sentences(lead)]
    groups = [every[first : first + together] for first in range(0, len(every), together)]
    made = 0
    for index in random.permutation(len(groups)).tolist():
        group = [(cluster, *(" ".join(side.upper().split()) for side in sides)) for cluster, *sides in groups[index]]
        spellings = {word for _, *sides in group for side in sides for word in side.split()}
        if made + together > per_kind or any(counts[word] < min_count for word in spellings):
            continue
        if any(f" {side} " in text for _, *sides in group for side in sides):
            continue
        made += together
        for cluster, good, bad in group:
            yield LadderPair(judgement="grammar", kind=kind, cluster=f"{kind}: {cluster}", good=good, bad=bad)
