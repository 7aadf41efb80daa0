"""Miniatures of sWUGGY, sBLIMP and topic coherence for models of speech, from a text and recordings, offline.

OUT/pairs.jsonl, ngrams.json   pairs as texts, and what phone n-grams make of them
OUT/spoken-pairs.jsonl         the same pairs, spoken with segments of the split's voices
"""

from pathlib import Path

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import SPOKEN_PAIRS
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.flat_corpus import read_index
from undertone.train.ladder.pair_file import PairSettings
from undertone.train.ladder.passages import Speller, read_ladder_text
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.spoken_pairs import speak_pairs
from undertone.train.runs.ladder import LadderInputs, ladder_pairs, ladder_segments
from undertone.train.text.prose import HELD_OUT_BOOKS


def make_spoken_pairs(
    inputs: LadderInputs,
    out: Path,
    words: int,
    split: str = "test",
    settings: PairSettings = PairSettings(),
    workers: int = 2,
    held_out_books: tuple[str, ...] = HELD_OUT_BOOKS,
) -> Path:
    """Write the pairs, as texts and spoken, and return the path of the spoken ones; texts that are there are kept.

    Args:
        words: of prose, whose words are common and whose sentences are none of the pairs.
        split: of the corpus, of speakers that no model was trained on.
        held_out_books: of which stories are made; no voice has read them.
    Raises:
        CorpusError: a text, corpus or dictionary that cannot be used, or units that are no parts of its phones.
    """
    lexicon = Lexicon(inputs.lexicon)
    text = read_ladder_text(inputs.text, lexicon, words, held_out_books)
    speller = Speller(lexicon)
    pairs = ladder_pairs(text, speller, inputs.lexicon, settings, out)
    inventory, _, prepared = ladder_segments(inputs, lexicon, out, workers, split)
    spoken = speak_pairs(pairs, speller, Splicer(inventory, one_speaker=False), read_index(prepared))
    return write_whole(out / SPOKEN_PAIRS, "".join(f"{pair.model_dump_json()}\n" for pair in spoken))
