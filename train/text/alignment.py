"""The corpus aligned with its transcripts: for every phone of every clip its frames, one JSON line a clip.

`torchaudio.functional.forced_align` places the CTC peaks of the phonetic tokenizer, train/text/segments.py spreads
them. A word that is not in the dictionary is aligned as a symbol that fits anything, so that the rest of its clip can
be used. The file is appended to clip by clip, so that an interrupted run goes on where it stopped.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import forced_align
from tqdm import tqdm

from engine.tokenizers.phone_reader import PhoneReader
from train.corpora.source import CorpusError
from train.export import load_tokenizer
from train.features import encoder_inputs, fingerprint
from train.phones import Lexicon
from train.prepare import Clip, PreparedCorpus, clips_of, read_index
from train.text.segments import Peak, quiet_frames, segments
from train.workers import worker_pool

log = logging.getLogger(__name__)

BLANK = 0
UNKNOWN_LOG_PROB = -1.0  # per frame of an unknown word: dearer than the right phone, cheaper than a wrong one


@dataclass(frozen=True)
class AlignedClip:
    """The segments of a clip, end to end; symbols as in `Segments`."""

    clip_id: str
    log_prob: float  # of the best path, per frame
    symbols: list[int]
    ends: list[int]  # in frames of the clip
    firsts: list[int]  # segments that begin a word
    scores: list[float]  # mean posterior without the blank of each segment's phone, 0 for silence and unknown words


@dataclass(frozen=True)
class Alignment:
    """Aligned clips by id, and what their symbols mean."""

    phones: tuple[str, ...]  # symbol 1 and up; 0 is silence, len + 1 an unknown word
    clips: dict[str, AlignedClip]

    @classmethod
    def read(cls, path: Path) -> "Alignment":
        """Read a finished file.

        Raises:
            CorpusError: no such file.
        """
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. Align the corpus first: `python -m train.text align`.")
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        clips = (AlignedClip(**json.loads(line)) for line in lines)
        return cls(tuple(json.loads(head)["phones"]), {clip.clip_id: clip for clip in clips})


@torch.inference_mode()
def align_clip(
    tokenizer: PhoneReader, clip_id: str, inputs: Tensor, mel: Tensor, symbols: list[tuple[int, bool]]
) -> AlignedClip | None:
    """Align one clip.

    Args:
        inputs: what the tokenizer's encoder hears of it, as `encoder_inputs` gives it.
        mel: natural-log mel [T, M].
        symbols: of the transcript, with whether each begins a word.
    Returns:
        None where the clip has fewer frames than its symbols need.
    """
    logits = tokenizer.phone_logits(inputs[None], torch.tensor([tokenizer.num_frames(len(inputs))]))
    log_probs = logits[0, : len(mel)].float().log_softmax(-1)
    targets = torch.tensor([symbol for symbol, _ in symbols], dtype=torch.int32)
    repeats = int((targets[1:] == targets[:-1]).sum())
    if len(targets) + repeats > len(mel):
        return None
    with_unknown = torch.nn.functional.pad(log_probs, (0, 1), value=UNKNOWN_LOG_PROB)
    path, path_log_probs = forced_align(with_unknown[None], targets[None], blank=BLANK)
    found = segments(_peaks(path[0].numpy(), symbols), log_probs.numpy(), quiet_frames(mel.numpy()))
    posteriors = (log_probs[:, 1:].softmax(-1)).numpy()
    scores = [
        round(float(posteriors[start:end, symbol - 1].mean()), 3) if 0 < symbol <= posteriors.shape[1] else 0.0
        for symbol, start, end in zip(found.symbols, found.starts, found.ends, strict=True)
    ]
    firsts = [index for index, first in enumerate(found.firsts) if first]
    return AlignedClip(clip_id, round(float(path_log_probs.mean()), 4), found.symbols, found.ends, firsts, scores)


def _peaks(path: np.ndarray, symbols: list[tuple[int, bool]]) -> list[Peak]:
    """Return the spans of one symbol in a path [T]; a blank lies between two of the same symbol."""
    edges = np.flatnonzero(np.diff(path)) + 1
    stretches = zip([0, *edges.tolist()], [*edges.tolist(), len(path)], strict=True)
    spoken = [(start, end) for start, end in stretches if path[start] != BLANK]
    return [Peak(symbol, *ends, first) for (symbol, first), ends in zip(symbols, spoken, strict=True)]


class _Worker:
    """One process of `align_corpus`."""

    tokenizer: PhoneReader
    corpora: dict[str, PreparedCorpus]

    @classmethod
    def start(cls, tokenizer: Path, prepared: Path) -> None:
        torch.set_num_threads(1)
        cls.tokenizer = phone_reader(tokenizer)
        splits = {clip.split for clip in read_index(prepared)}
        cls.corpora = {split: PreparedCorpus(prepared, split, cls.tokenizer.config.mel) for split in splits}

    @classmethod
    def align(cls, job: tuple[Clip, list[tuple[int, bool]]]) -> AlignedClip | None:
        clip, symbols = job
        corpus = cls.corpora[clip.split]
        inputs = encoder_inputs(cls.tokenizer, corpus, clip)
        return align_clip(cls.tokenizer, clip.clip_id, inputs, corpus.mel(clip), symbols)


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
        max_clips: of every split, drawn at random; some hundred are enough for `train.text.refine`, which then aligns
            all clips by their units.
    Returns:
        `alignment-NAME.jsonl`: a line with the phones, then one for each clip.
    """
    reader = phone_reader(tokenizer)
    if reader.config.phones != lexicon.inventory:
        raise CorpusError(f"{tokenizer} was trained on other phones than the dictionary has")
    path = out / f"alignment-{fingerprint(reader)}.jsonl"
    index = read_index(prepared)
    partial = path.with_suffix(".partial")
    if path.is_file():
        if not unaligned_splits(path, index, lexicon):
            return path
        path.replace(partial)  # goes on with the splits that were added
    out.mkdir(parents=True, exist_ok=True)
    done = _begun(partial, lexicon.inventory)
    clips = [clip for clip in chosen_clips(index, max_clips) if clip.clip_id not in done]
    jobs = [(clip, symbols) for clip in clips if (symbols := lexicon.symbols(clip.transcript))]
    log.info("%d clips to align, %d are done", len(jobs), len(done))
    with partial.open("a", encoding="utf-8") as file:
        found = _aligned(tokenizer, prepared, jobs, workers)
        for (clip, _), aligned in zip(jobs, tqdm(found, total=len(jobs), desc="align", mininterval=5.0), strict=True):
            if aligned is None:
                log.warning("%s is too short for its words, left out", clip.clip_id)
                continue
            file.write(json.dumps(asdict(aligned)) + "\n")
            file.flush()
    partial.rename(path)
    return path


def chosen_clips(clips: list[Clip], max_clips: int | None) -> list[Clip]:
    """Clips with a transcript in a random order that is always the same, at most so many of each split.

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
    aligned = Alignment.read(path).clips.keys()
    missing = {clip.split for clip in clips} - {clip.split for clip in clips if clip.clip_id in aligned}
    return {clip.split for clip in clips if clip.split in missing and lexicon.symbols(clip.transcript)}


def _begun(partial: Path, phones: tuple[str, ...]) -> set[str]:
    """Clips of an interrupted run; the line that was being written when it ended is taken away."""
    if not partial.is_file():
        partial.write_text(json.dumps({"phones": phones}) + "\n", encoding="utf-8")
    text = partial.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    partial.write_text(whole, encoding="utf-8")
    return {json.loads(line)["clip_id"] for line in whole.splitlines()[1:]}


def _aligned(
    tokenizer: Path, prepared: Path, jobs: list[tuple[Clip, list[tuple[int, bool]]]], workers: int
) -> Iterator[AlignedClip | None]:
    if workers <= 1:
        _Worker.start(tokenizer, prepared)
        yield from map(_Worker.align, jobs)
        return
    with worker_pool(workers, _Worker.start, (tokenizer, prepared)) as pool:
        yield from pool.map(_Worker.align, jobs, chunksize=16)
