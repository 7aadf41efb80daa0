"""The pairs of a ladder spoken with recorded segments of voices that no model was trained on, one voice a pair.

The text is the master: every model of text, phones or speech is judged on the same pairs. Both sides take the same
segments wherever phones and neighbours agree, so that only what they differ in is heard.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from undertone.engine.ladder import PAUSE_PHONE, LadderPair, SpokenPair
from undertone.engine.lexical_pair import FrameSpan
from undertone.train.data.flat_files import Clip
from undertone.train.ladder.pair_file import PAIR_KEY, spoken_sides
from undertone.train.ladder.passages import Speller
from undertone.train.ladder.splicer import Memory, Splicer


def speak_pairs(
    pairs: Sequence[LadderPair], speller: Speller, splicer: Splicer, clips: Sequence[Clip]
) -> Iterator[SpokenPair]:
    """Yield every pair in a voice drawn for it.

    Args:
        splicer: of the voices.
        clips: of the prepared folder that its inventory was made of.
    """
    offsets = {clip.clip_id: clip.frame_offset for clip in clips}
    inventory = splicer.inventory
    table = inventory.units
    names = (PAUSE_PHONE, *inventory.phones)

    def spans(segments: np.ndarray) -> tuple[FrameSpan, ...]:
        clip_ids = [inventory.clip_ids[table.clip[segment]] for segment in segments]
        return tuple(
            (name, int(table.start[segment] - offsets[name]), int(table.end[segment] - offsets[name]))
            for name, segment in zip(clip_ids, segments.tolist(), strict=True)
        )

    for number, pair in enumerate(pairs):
        random = np.random.default_rng((PAIR_KEY, number))
        speaker = splicer.draw_speaker(random)
        memory: Memory = {}
        said = []
        for words, num_before in spoken_sides(pair, speller):
            phones = [phone for word in words for phone in word.phones]
            context = sum(len(word.phones) for word in words[:num_before])
            segments = splicer.segments(phones, speaker, random, memory)
            scored = tuple(names[phone] for phone in phones[context:])
            said.append((spans(segments[:context]), spans(segments[context:]), scored))
        (before, good, good_phones), (_, bad, bad_phones) = said
        yield SpokenPair(
            pair=pair,
            speaker=inventory.speakers[speaker],
            before=before,
            good=good,
            bad=bad,
            good_phones=good_phones,
            bad_phones=bad_phones,
        )
