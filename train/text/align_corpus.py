"""The corpus aligned with its transcripts: for every phone of every clip its frames, one JSON line a clip.

`torchaudio.functional.forced_align` places the CTC peaks of the phonetic tokenizer, train/alignment/segments.py spreads
them. A word that is not in the dictionary is aligned as a symbol that fits anything, so that the rest of its clip can
be used. The file is appended to clip by clip, so that an interrupted run goes on where it stopped.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.engine.worker_pool import map_in_workers
from undertone.train.alignment.ctc import AlignedClip, CorpusAlignment, align_clip
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.refine import Transcripts, refine
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import PreparedCorpus, clips_of, read_index
from undertone.train.data.flat_files import Clip
from undertone.train.data.unit_ids import TokenFile
from undertone.train.tokenizer.clip_features import encoder_inputs, tokenizer_fingerprint
from undertone.train.tokenizer.load import load_tokenizer

log = logging.getLogger(__name__)

CTC_CLIPS = 300  # of each split, aligned by CTC; the rest follow from them

Transcript = list[tuple[int, bool]]  # symbols, and whether each begins a word


class _AlignmentTask:
    """Task of a worker: alignment of clips of a prepared folder with a phonetic tokenizer."""

    def __init__(self, tokenizer: Path, prepared: Path) -> None:
        self._tokenizer = phone_reader(tokenizer)
        self._corpus = PreparedCorpus(prepared, mel=self._tokenizer.config.mel)

    def __call__(self, job: tuple[Clip, Transcript]) -> AlignedClip | None:
        """Return the alignment of a clip with its symbols, None where the clip is too short for them."""
        clip, symbols = job
        inputs = encoder_inputs(self._tokenizer, self._corpus, clip)
        return align_clip(self._tokenizer, clip.clip_id, inputs, self._corpus.mel(clip), symbols)


def phone_reader(run: Path) -> PhoneReader:
    """Return the tokenizer of a finished run, with its phone classifier.

    Raises:
        CorpusError: not a phonetic tokenizer, or exported without the classifier.
    """
    tokenizer = load_tokenizer(run)
    if not isinstance(tokenizer, PhoneReader) or tokenizer.classifier is None:
        raise CorpusError(f"{run} reads no phones; aligning needs the run of a phonetic tokenizer, not a bundle's part")
    return tokenizer


def align_corpus(
    tokenizer: Path, prepared: Path, lexicon: Lexicon, out: Path, workers: int = 2, max_clips: int | None = None
) -> Path:
    """Align every clip whose words are mostly known; a finished file is returned as it is, unless a split was added.

    Args:
        tokenizer: run of a phonetic tokenizer, trained on the same dictionary.
        prepared: flat prepared folder.
        out: folder of the alignment; nothing is written into `prepared`.
        max_clips: of every split, drawn at random; some hundred are enough for `alignment/refine.py`, which then aligns
            all clips by their units.
    Returns:
        `alignment-NAME.jsonl`: a line with the phones, then one for each clip.
    """
    reader = phone_reader(tokenizer)
    if reader.config.phones != lexicon.inventory:
        raise CorpusError(f"{tokenizer} was trained on other phones than the dictionary has")
    path = out / f"alignment-{tokenizer_fingerprint(reader)}.jsonl"
    index = read_index(prepared)
    partial = path.with_suffix(".partial")
    if path.is_file():
        if not unaligned_splits(path, index, lexicon):
            return path
        path.replace(partial)  # goes on with the splits that were added
    out.mkdir(parents=True, exist_ok=True)
    done = _aligned_before(partial, lexicon.inventory)
    clips = [clip for clip in choose_clips(index, max_clips) if clip.clip_id not in done]
    jobs = [(clip, symbols) for clip in clips if (symbols := lexicon.symbols(clip.transcript))]
    log.info("%d clips to align, %d are done", len(jobs), len(done))
    with partial.open("a", encoding="utf-8") as file:
        found = map_in_workers(_AlignmentTask, (tokenizer, prepared), jobs, workers, chunk_size=16)
        for (clip, _), aligned in zip(jobs, tqdm(found, total=len(jobs), desc="align", mininterval=5.0), strict=True):
            if aligned is None:
                log.warning("%s is too short for its words, left out", clip.clip_id)
                continue
            file.write(json.dumps(asdict(aligned)) + "\n")
            file.flush()
    partial.rename(path)
    return path


def choose_clips(clips: list[Clip], max_clips: int | None) -> list[Clip]:
    """Return clips with a transcript in a fixed random order, at most so many of each split.

    The choice in one split does not depend on the others, so that a split that is added leaves it alone.
    """
    chosen: list[Clip] = []
    for split in sorted({clip.split for clip in clips}):
        own = list(clips_of(clips, split))
        order = np.random.default_rng(0).permutation(len(own))
        chosen += [own[index] for index in order if own[index].transcript][:max_clips]
    return chosen


def unaligned_splits(path: Path, clips: list[Clip], lexicon: Lexicon) -> set[str]:
    """Return the splits of which an alignment holds no clip though there are some to align: those added since."""
    aligned = CorpusAlignment.read(path).clips.keys()
    missing = {clip.split for clip in clips} - {clip.split for clip in clips if clip.clip_id in aligned}
    return {clip.split for clip in clips if clip.split in missing and lexicon.symbols(clip.transcript)}


def _aligned_before(partial: Path, phones: tuple[str, ...]) -> set[str]:
    """Return the clips of an interrupted run, after cutting off a line that was not finished."""
    if not partial.is_file():
        partial.write_text(json.dumps({"phones": phones}) + "\n", encoding="utf-8")
    text = partial.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    partial.write_text(whole, encoding="utf-8")
    return {json.loads(line)["clip_id"] for line in whole.splitlines()[1:]}


def refine_file(path: Path, prepared: Path, tokens: Path, lexicon: Lexicon) -> Path:
    """Write the alignment of all clips beside `path`, once: `segments-NAME.jsonl` for the units of that name."""
    out = path.with_name(f"{tokens.stem.replace('tokens', 'segments')}.jsonl")
    clips = read_index(prepared)
    if out.is_file() and not unaligned_splits(out, clips, lexicon):
        return out
    ids = TokenFile(tokens)
    transcripts = {clip.clip_id: found for clip in clips if (found := lexicon.symbols(clip.transcript))}
    units = read_tokens(clips, ids, transcripts)
    num_units = 1 + max(int(found.max()) for found in units.values())
    return write_alignment(refine(CorpusAlignment.read(path), transcripts, units, num_units), out)


def read_tokens(clips: Sequence[Clip], ids: TokenFile, transcripts: Transcripts) -> dict[str, np.ndarray]:
    """Return the tokens of the clips that have a transcript, int64 [T] by clip id."""
    return {clip.clip_id: ids.tokens(clip, 0, ids.count(clip)).numpy() for clip in clips if clip.clip_id in transcripts}


def write_alignment(alignment: CorpusAlignment, path: Path) -> Path:
    """Write the whole file at once, as `CorpusAlignment.read` takes it."""
    lines = [json.dumps({"phones": alignment.phones}), *(json.dumps(asdict(clip)) for clip in alignment.clips.values())]
    return write_whole(path, "\n".join(lines) + "\n")


def align_and_refine(
    tokenizer: Path,
    tokens: Path,
    prepared: Path,
    lexicon: Path,
    work: Path,
    workers: int = 2,
    ctc_clips: int | None = CTC_CLIPS,
) -> Path:
    """Align every phone of every clip with its frames: CTC aligns some clips of each split, and they teach the rest.

    Args:
        tokenizer: run of a phonetic tokenizer.
        tokens: what `assign_tokens` returned for it.
        lexicon: folder of cmudict.dict.
        work: where the alignments are kept, each made once.
        ctc_clips: of each split; None aligns all of them by CTC first.
    """
    words = Lexicon(lexicon)
    by_ctc = align_corpus(tokenizer, prepared, words, work, workers, ctc_clips)
    return refine_file(by_ctc, prepared, tokens, words)
