"""The language half trained with text, from folders to folders: what it needs is made first, each part once."""

from pathlib import Path

from accelerate import Accelerator

from train.export import WEIGHTS, export_stage, keep_settings
from train.loop import run
from train.phones import Lexicon
from train.text.alignment import align_corpus
from train.text.latents import store_latents
from train.text.refine import refine_file
from train.text.stage import TextFolders, TextSettings, TextStage
from train.vae_gslm import ModelRecipe

TEACHING_CLIPS = 300  # of each split, aligned by CTC to teach the rest


def prepare_text(
    recipe: ModelRecipe,
    tokenizer: Path,
    tokens: Path,
    decoder: Path,
    prepared: Path,
    text: Path,
    lexicon: Path,
    work: Path,
    workers: int = 2,
) -> TextFolders:
    """Align the corpus and store its posteriors, where that was not done before.

    Args:
        tokenizer: run of the phonetic tokenizer.
        tokens: tokens-NAME.u16 that it assigned.
        decoder: run of the decoder part.
        prepared: flat prepared folder.
        text: folder of books.tsv.xz.
        lexicon: folder of cmudict.dict.
        work: where alignment, posteriors and encoded prose are kept.
    """
    words = Lexicon(lexicon)
    by_ctc = align_corpus(tokenizer, prepared, words, work, workers, TEACHING_CLIPS)
    return TextFolders(
        prepared=prepared,
        tokens=tokens,
        segments=refine_file(by_ctc, prepared, tokens, words),
        latents=store_latents(decoder / WEIGHTS, recipe.model, prepared, work),
        text=text,
        lexicon=lexicon,
        work=work,
    )


def train_with_text(
    recipe: ModelRecipe, settings: TextSettings, folders: TextFolders, start: Path, out: Path, cpu: bool = False
) -> None:
    """Train the language part on speech and rendered text, then export it; an interrupted run goes on.

    Args:
        start: exported weights of the decoder part.
    """
    accelerator = Accelerator(cpu=cpu)
    stage = TextStage(recipe, settings, folders, accelerator, start)
    clock = run(stage, out, recipe.budget, accelerator, seed=recipe.seed)
    if accelerator.is_main_process:
        keep_settings(folders.prepared, out)
        (out / "text.json").write_text(settings.model_dump_json(indent=2) + "\n")
        export_stage(stage.averaged()["model"].cpu(), recipe, clock, out, stage.evaluate(clock.step))
    accelerator.wait_for_everyone()
