"""Pairs of a story's own ending and another story's, of the same number of words.

Two stories of two books exchange their endings, so each ending is once the right one and once the wrong one: a model
that reads no context is right in half of the cases whatever it thinks of the endings.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from undertone.engine.ladder import PAUSE_MARK, LadderPair
from undertone.train.ladder.passages import Passage, Sentence, marked_text, num_words

SENTENCES = 5  # of a story, the ending counted
SENTENCE_WORDS, ENDING_WORDS, STORY_WORDS = (4, 20), (6, 15), 70


@dataclass(frozen=True)
class Story:
    """Sentences of one book, and the one that ends them."""

    book: str
    context: tuple[Sentence, ...]
    ending: Sentence


def find_stories(passages: Sequence[Passage]) -> Iterator[Story]:
    """Yield the stories of passages that fit, none overlapping another."""
    for passage in passages:
        first = 0
        while first + SENTENCES <= len(passage.sentences):
            *context, ending = passage.sentences[first : first + SENTENCES]
            lengths = [num_words(sentence) for sentence in (*context, ending)]
            fits = all(SENTENCE_WORDS[0] <= length <= SENTENCE_WORDS[1] for length in lengths)
            if fits and ENDING_WORDS[0] <= lengths[-1] <= ENDING_WORDS[1] and sum(lengths) <= STORY_WORDS:
                yield Story(passage.book, tuple(context), ending)
                first += SENTENCES
            else:
                first += 1


def topic_pairs(passages: Sequence[Passage], number: int, random: np.random.Generator) -> Iterator[LadderPair]:
    """Yield at most so many pairs, an even number, of stories drawn at random."""
    waiting: dict[int, list[Story]] = defaultdict(list)  # stories without a partner, by words of the ending
    stories = list(find_stories(passages))
    made = 0
    for index in random.permutation(len(stories)).tolist():
        if made + 2 > number:
            return
        story = stories[index]
        length = num_words(story.ending)
        partner = next((other for other in waiting[length] if other.book != story.book), None)
        if partner is None:
            waiting[length].append(story)
            continue
        waiting[length].remove(partner)
        for own, other in ((story, partner), (partner, story)):
            made += 1
            yield LadderPair(
                judgement="topics",
                kind="topics",
                cluster=f"stories {(made + 1) // 2}",
                context=f" {PAUSE_MARK} ".join(marked_text(sentence) for sentence in own.context),
                good=marked_text(own.ending),
                bad=marked_text(other.ending),
            )
