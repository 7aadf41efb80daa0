"""`undertone ladder`: from a text and a corpus to the scores of every rung. Each part is made once.

OUT/pairs.jsonl           pairs, the same for all rungs
OUT/ngrams.json           what phone n-grams make of them
OUT/segments-NAME.jsonl   the corpus aligned
OUT/clusters.u16          units of its sound that are not taught
OUT/sentences.json        held-out sentences as the tokens of all rungs
OUT/RUNG-SEED/            training of each rung, and scores.json, layers.json and continuations.json
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undertone.engine import SettingsError, load_bundle
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import (
    NGRAMS,
    PAIRS,
    RUNGS,
    SCORES,
    SENTENCES,
    LadderPair,
    NgramScores,
    Rung,
    RungScores,
    fingerprint_of_pairs,
)
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import read_index
from undertone.train.data.flat_files import INDEX
from undertone.train.data.prepare import prepare
from undertone.train.ladder.cluster_units import cluster_units, likeliest_units
from undertone.train.ladder.continuations import LadderPrompt, PhoneJudge, draw_continuations, find_prompts
from undertone.train.ladder.ngrams import PhoneNgrams
from undertone.train.ladder.pair_file import (
    PairSettings,
    make_ladder_pairs,
    ngram_scores,
    write_ladder_pairs,
)
from undertone.train.ladder.passages import LadderText, Speller, count_spellings, num_words, read_ladder_text
from undertone.train.ladder.rung import score_layers, train_rung
from undertone.train.ladder.rung_stage import LadderSettings
from undertone.train.ladder.said_phones import SaidPhones
from undertone.train.ladder.segments import align_prepared
from undertone.train.ladder.sentences import shown_sentences, write_sentences
from undertone.train.ladder.spelling import LetterGroups
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.streams import SpeechOfLadder, make_stream
from undertone.train.ladder.windows import batches_per_epoch
from undertone.train.loop.saved_recipe import CHANGEABLE, find_changes, list_changes, save_recipe
from undertone.train.runs.finetune import clean_settings
from undertone.train.text.unit_inventory import UnitInventory
from undertone.train.tokenizer.assign_tokens import assign_tokens

CLUSTERS = "clusters.u16"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LadderInputs:
    """What a ladder is made of.

    Attributes:
        text: folder with books.tsv.xz.
        corpus: recordings with transcripts in any layout that `prepare` reads, or a prepared folder of them.
        lexicon: pronouncing dictionary, or its folder.
        bundle: whose tokenizer names its units by the dictionary's phones.
    """

    text: Path
    corpus: Path
    lexicon: Path
    bundle: Path


@dataclass(frozen=True)
class LadderPlan:
    """What a ladder would train, without training it."""

    train_words: int
    held_out_words: int
    books: int
    rungs: tuple[Rung, ...]
    seeds: int
    steps: int  # of every rung
    done: tuple[str, ...]  # rungs and seeds that are finished


def plan_ladder(inputs: LadderInputs, out: Path, words: int, seeds: int, settings: LadderSettings) -> LadderPlan:
    """Return what would be trained; nothing is written.

    Raises:
        CorpusError: no such text or dictionary.
    """
    text = read_ladder_text(inputs.text, Lexicon(inputs.lexicon), words)
    held_out = sum(num_words(passage.words) for passage in text.held_out)
    done = [f"{rung}-{seed}" for rung in RUNGS for seed in range(seeds) if (out / f"{rung}-{seed}" / SCORES).exists()]
    steps = settings.epochs * batches_per_epoch(text.num_words, settings.window_words, settings.batch_size)
    return LadderPlan(text.num_words, held_out, len(text.train) + len(text.held_out), RUNGS, seeds, steps, tuple(done))


def train_ladder(
    inputs: LadderInputs,
    out: Path,
    words: int,
    seeds: int = 1,
    settings: LadderSettings = LadderSettings(),
    pair_settings: PairSettings = PairSettings(),
    rungs: Sequence[Rung] = RUNGS,
    cpu: bool = False,
    workers: int = 2,
    prompts: int = 200,
    samples: int = 5,
) -> list[RungScores]:
    """Train, score and hear out every rung; an interrupted call goes on.

    Args:
        out: folder of everything that is made.
        words: to train on, spread over the books; all rungs read the same ones in the same order.
        seeds: models of every rung.
        workers: processes that prepare the corpus.
        prompts: sentences that every model goes on from.
        samples: continuations of each.
    Raises:
        CorpusError: a text, corpus or dictionary that cannot be used, or units that are no parts of its phones.
        SettingsError: the folder holds a ladder of another text, other pairs or other sizes.
    """
    lexicon = Lexicon(inputs.lexicon)
    _claim(out, settings, pairs=pair_settings.model_dump_json(), words=str(words))
    text = read_ladder_text(inputs.text, lexicon, words)
    speller = Speller(lexicon)
    pairs = ladder_pairs(text, speller, inputs.lexicon, pair_settings, out)
    fingerprint = fingerprint_of_pairs(out / PAIRS)
    inventory, units, prepared = ladder_segments(inputs, lexicon, out, workers)
    speech = SpeechOfLadder(
        {one: Splicer(inventory, one) for one in (True, False)}, units, cluster_units(prepared, out / CLUSTERS)
    )
    streams = {rung: make_stream(rung, text.train, lexicon.inventory, speech) for rung in rungs}
    write_sentences(shown_sentences(text), streams, speech, lexicon.inventory, out / SENTENCES)
    listening = _Listening.prepare(inputs.text, text, speller, speech, prompts)
    found = []
    for rung, stream in streams.items():
        for seed in range(seeds):
            own = settings.model_copy(update={"seed": seed})
            folder = out / f"{rung}-{seed}"
            found.append(train_rung(rung, stream, text, pairs, fingerprint, speller, own, folder, cpu))
            score_layers(stream, pairs, speller, found[-1], folder)
            said = SaidPhones(rung, stream, speller, listening.letters, listening.units_of_clusters)
            draw_continuations(stream, said, listening.judge, listening.prompts, samples, found[-1], folder)
            log.info("%s, seed %d: %.2f nats a word", rung, seed, found[-1].nats_per_word)
    return found


@dataclass(frozen=True)
class _Listening:
    """What continuations are drawn from and judged by, the same for all rungs."""

    prompts: list[LadderPrompt]
    judge: PhoneJudge
    letters: LetterGroups
    units_of_clusters: np.ndarray

    @classmethod
    def prepare(
        cls, folder: Path, text: LadderText, speller: Speller, speech: SpeechOfLadder, prompts: int
    ) -> "_Listening":
        """Take prompts from every other held-out book, and the judge's text from the others, whole."""
        judged = {passage.book for passage in text.held_out[1::2]}
        words = (speller.word(spelling) for spelling in sorted(count_spellings(text.train)))
        return cls(
            find_prompts(text.held_out[::2], prompts),
            PhoneJudge(read_ladder_text(folder, speller.lexicon, 1, judged).held_out, speller.lexicon.inventory),
            LetterGroups([(word.spelling, word.phones) for word in words if word is not None]),
            likeliest_units(speech.clusters, speech.units),
        )


def _claim(out: Path, settings: LadderSettings, **inputs: str) -> None:
    """Write down what a ladder is made with. Raises SettingsError where the folder holds one of other settings."""
    changes = find_changes(out, settings, inputs) if (out / NGRAMS).is_file() else {}
    if bound := {key: values for key, values in changes.items() if key not in CHANGEABLE}:
        raise SettingsError(
            f"{out} holds a ladder of other settings: {list_changes(bound)}. Give those it was begun with, or another "
            "folder."
        )
    save_recipe(out, settings, False, True, **inputs)


def ladder_pairs(
    text: LadderText, speller: Speller, lexicon: Path, settings: PairSettings, out: Path
) -> list[LadderPair]:
    """Return the pairs, made once with what n-grams make of them."""
    path = out / PAIRS
    if not (out / NGRAMS).is_file():
        ngrams = PhoneNgrams(text.train, len(speller.lexicon.inventory))
        made = make_ladder_pairs(text, speller, lexicon, settings, ngrams)
        if not made:
            raise CorpusError("the text is too short for a single pair; give more --words")
        write_ladder_pairs(made, path)
        by_order = ngram_scores(made, speller, ngrams)
        scores = NgramScores(
            pairs=fingerprint_of_pairs(path),
            good={order: tuple(good) for order, (good, _) in by_order.items()},
            bad={order: tuple(bad) for order, (_, bad) in by_order.items()},
        )
        write_whole(out / NGRAMS, scores.model_dump_json())
    return [LadderPair.model_validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ladder_segments(
    inputs: LadderInputs, lexicon: Lexicon, out: Path, workers: int, split: str = "train"
) -> tuple[UnitInventory, np.ndarray, Path]:
    """Return the aligned segments of a split, the unit of every frame of the flat files, and the prepared folder.

    Raises:
        CorpusError: units that are no parts of the dictionary's phones, or nothing of the split to align.
    """
    loaded = load_bundle(inputs.bundle)
    tokenizer = loaded.tokenizer
    parts = tokenizer.config.phone_parts if isinstance(tokenizer, PhoneReader) else None
    if not isinstance(tokenizer, PhoneReader) or parts is None or parts.phones != lexicon.inventory:
        raise CorpusError(
            f"the units of {inputs.bundle} are not the parts of the dictionary's phones; give a bundle that was "
            "trained with this dictionary"
        )
    prepared = inputs.corpus
    if not (prepared / INDEX).is_file():
        prepared = out / ("prepared" if split == "train" else f"prepared-{split}")
        splits = ("train", "dev") if split == "train" else (split,)
        prepare(inputs.corpus, prepared, splits, workers, clean_settings(loaded.config))
    tokens = assign_tokens(tokenizer, prepared, workers)
    alignment = align_prepared(prepared, tokens, lexicon, out if split == "train" else out / split)
    inventory = UnitInventory.build(alignment, read_index(prepared), split)
    return inventory, np.memmap(tokens, dtype=np.uint16, mode="r"), prepared
