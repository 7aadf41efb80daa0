"""The language half trained with text, from folders to folders: what it needs is made first, each part once."""

from pathlib import Path

from accelerate import Accelerator

from train.phones import Lexicon
from train.runs import train_and_export
from train.text.alignment import align_corpus
from train.text.phones_first import PhoneStage
from train.text.prose import read_prose
from train.text.refine import refine_file
from train.text.stage import TextFolders, TextSettings, TextStage
from train.vae_gslm import ModelRecipe

TEACHING_CLIPS = 300  # of each split, aligned by CTC to teach the rest


def align_all(
    tokenizer: Path,
    tokens: Path,
    prepared: Path,
    lexicon: Path,
    work: Path,
    workers: int = 2,
    ctc_clips: int | None = TEACHING_CLIPS,
) -> Path:
    """The frames of every phone of every clip: CTC aligns some clips of each split, and they teach the rest.

    Args:
        ctc_clips: of each split; None aligns all of them by CTC first.
    """
    words = Lexicon(lexicon)
    by_ctc = align_corpus(tokenizer, prepared, words, work, workers, ctc_clips)
    return refine_file(by_ctc, prepared, tokens, words)


def train_phones_first(
    recipe: ModelRecipe,
    start: Path,
    prepared: Path,
    text: Path,
    lexicon: Path,
    work: Path,
    out: Path,
    cpu: bool = False,
) -> None:
    """Train the transformer on prose as phones, then export it; an interrupted run goes on.

    Args:
        start: exported weights of the decoder part.
        text: folder of books.tsv.xz.
        lexicon: folder of cmudict.dict.
        work: where encoded prose is kept.
    """
    accelerator, words = Accelerator(cpu=cpu), Lexicon(lexicon)
    prose, held_out = (read_prose(text, words, work, kept_aside) for kept_aside in (False, True))
    stage = PhoneStage(recipe, prose, held_out, len(words.inventory), accelerator, start)
    train_and_export(stage, prepared, out)


def train_with_text(
    recipe: ModelRecipe, settings: TextSettings, folders: TextFolders, start: Path, out: Path, cpu: bool = False
) -> None:
    """Train the language part on speech and rendered text, then export it; an interrupted run goes on.

    Args:
        start: exported weights; their posterior and decoder stay as they are.
    """
    accelerator = Accelerator(cpu=cpu)
    stage = TextStage(recipe, settings, folders, accelerator, start)
    if accelerator.is_main_process:
        out.mkdir(parents=True, exist_ok=True)
        (out / "text.json").write_text(settings.model_dump_json(indent=2) + "\n")
    train_and_export(stage, folders.prepared, out)
