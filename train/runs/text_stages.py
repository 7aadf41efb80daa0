"""The language half trained with text, from folders to folders: what it needs is made first, each part once."""

from pathlib import Path

from accelerate import Accelerator

from undertone.train.alignment.lexicon import Lexicon
from undertone.train.loop.saved_recipe import save_recipe
from undertone.train.loop.stage_export import WEIGHTS, is_exported
from undertone.train.model.recipe import ModelRecipe
from undertone.train.runs.stages import run_tokens, train_and_export
from undertone.train.text.align_corpus import align_and_refine
from undertone.train.text.phone_pretraining import PhoneStage
from undertone.train.text.posterior_file import store_latents
from undertone.train.text.prose import read_prose
from undertone.train.text.stage import TextFolders, TextSettings, TextStage


def pretrain_on_phones(
    recipe: ModelRecipe,
    start: Path,
    prepared: Path,
    text: Path,
    lexicon: Path,
    work: Path,
    out: Path,
    cpu: bool = False,
    accept_changes: bool = False,
) -> None:
    """Train the transformer on prose as phones, then export it; an interrupted run goes on.

    Args:
        start: exported weights, whose token embedding is read and kept.
        text: folder of books.tsv.xz.
        lexicon: folder of cmudict.dict.
        work: where encoded prose is kept.
        accept_changes: resume with other settings than the run was begun with.
    """
    accelerator, words = Accelerator(cpu=cpu), Lexicon(lexicon)
    save_recipe(out, recipe, accept_changes, accelerator.is_main_process)
    prose, held_out = (read_prose(text, words, work, is_held_out) for is_held_out in (False, True))
    stage = PhoneStage(recipe, prose, held_out, len(words.inventory), accelerator, start)
    train_and_export(stage, prepared, out)


def train_with_text(
    recipe: ModelRecipe,
    settings: TextSettings,
    folders: TextFolders,
    start: Path,
    out: Path,
    cpu: bool = False,
    accept_changes: bool = False,
) -> None:
    """Train the language part on speech and rendered text, then export it; an interrupted run goes on.

    Args:
        start: exported weights; their posterior and decoder stay as they are.
        accept_changes: resume with other settings than the run was begun with.
    """
    accelerator = Accelerator(cpu=cpu)
    inputs = {"tokens": folders.tokens.stem, "text": settings.model_dump_json(by_alias=True)}
    save_recipe(out, recipe, accept_changes, accelerator.is_main_process, **inputs)
    stage = TextStage(recipe, settings, folders, accelerator, start)
    if accelerator.is_main_process:
        out.mkdir(parents=True, exist_ok=True)
        (out / "text.json").write_text(settings.model_dump_json(indent=2, by_alias=True) + "\n")
    train_and_export(stage, folders.prepared, out)


def train_on_prose(
    phones: ModelRecipe,
    frames: ModelRecipe,
    start: Path,
    tokenizer: Path,
    prepared: Path,
    text: Path,
    lexicon: Path,
    work: Path,
    cpu: bool = False,
) -> None:
    """Train the transformer of a finished model on prose as phones, then as frames beside speech; each can be resumed.

    Words are learned from phones, fast, and speech alone would wash them out again; posterior and decoder stay as they
    are (TRAINING_LOG.md, 13).

    Args:
        phones, frames: recipes of the part "language"; each run is the folder of its name in `work`.
        start: run of the model.
        tokenizer: run of the tokenizer, with units that are parts of phones.
    """
    as_phones, as_frames = work / phones.name, work / frames.name
    if not is_exported(as_phones):
        pretrain_on_phones(phones, start / WEIGHTS, prepared, text, lexicon, work, as_phones, cpu)
    if not is_exported(as_frames):
        tokens = run_tokens(tokenizer, prepared, cpu=cpu)
        folders = TextFolders(
            prepared=prepared,
            tokens=tokens,
            segments=align_and_refine(tokenizer, tokens, prepared, lexicon, work),
            latents=store_latents(start / WEIGHTS, frames.model, prepared, work),
            text=text,
            lexicon=lexicon,
            work=work,
        )
        train_with_text(frames, TextSettings(), folders, as_phones / WEIGHTS, as_frames, cpu)
