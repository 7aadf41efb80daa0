"""Text for training: corpora aligned with their words, prose as units, lexical pairs."""

from pathlib import Path
from typing import Annotated

import typer

from undertone.app.package_data import bundle_or_demo
from undertone.engine.config import MelConfig
from undertone.engine.words.spoken_numbers import counting_words, number_languages
from undertone.train import ModelRecipe, load_recipe_of, prepare
from undertone.train.alignment.pronunciations import write_pronunciations
from undertone.train.alignment.spelling import spell_words
from undertone.train.data.flat_corpus import read_index
from undertone.train.lexical.pair_file import make_pairs
from undertone.train.runs.ladder import LadderInputs
from undertone.train.runs.spoken_pairs import make_spoken_pairs
from undertone.train.runs.text_stages import pretrain_on_phones, train_with_text
from undertone.train.text.align_corpus import CTC_CLIPS, align_and_refine
from undertone.train.text.diagnostics import text_report
from undertone.train.text.mixed_windows import open_speech
from undertone.train.text.posterior_file import store_latents
from undertone.train.text.stage import TextFolders, TextSettings, mixed_windows
from undertone.train.tokenizer.phone_parts import num_parts_of

text = typer.Typer(name="text", no_args_is_help=True, add_completion=False, help=__doc__)

Prepared = Annotated[Path, typer.Option(help="Flat folder that `undertone prepare` wrote.")]
LexiconFolder = Annotated[Path, typer.Option(help="Pronouncing dictionary, or the folder with cmudict.dict.")]
Prose = Annotated[Path, typer.Option(help="Folder with books.tsv.xz.")]
Tokens = Annotated[Path, typer.Option(help="tokens-NAME.u16 of the prepared folder.")]
Segments = Annotated[Path, typer.Option(help="segments-NAME.jsonl that `align` wrote.")]
Latents = Annotated[Path, typer.Option(help="latents-NAME.f16 that `latents` wrote.")]
Start = Annotated[Path, typer.Option(help="export.safetensors of the decoder part.")]
Accept = Annotated[bool, typer.Option(help="Resume with other settings than the run was begun with.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Change a setting of the recipe, KEY=VALUE.")]


@text.command()
def align(
    tokenizer: Annotated[Path, typer.Option(help="Folder of the finished run of the phonetic tokenizer.")],
    prepared: Prepared,
    tokens: Tokens,
    lexicon: LexiconFolder,
    out: Path,
    ctc_clips: Annotated[
        int, typer.Option(help="Clips of each split aligned by CTC, of which the rest is learnt; 0 for all.")
    ] = CTC_CLIPS,
    workers: int = 2,
) -> None:
    """Find the frames of every phone of every clip; an interrupted run is resumed."""
    _check_inputs(tokenizer=tokenizer, prepared=prepared, tokens=tokens, lexicon=lexicon)
    typer.echo(align_and_refine(tokenizer, tokens, prepared, lexicon, out, workers, ctc_clips or None))


@text.command()
def spell(
    prepared: Prepared,
    out: Annotated[Path, typer.Option(help="Dictionary to write; a file.")],
    language: Annotated[
        str | None, typer.Option(help="Language that numbers are read in, such as de; by default they are left out.")
    ] = None,
) -> None:
    """Write a dictionary in which every word of the transcripts is said as it is written, for languages without one."""
    if language and not counting_words(language):
        known = ", ".join(number_languages())
        raise typer.BadParameter(f"numbers cannot be read in {language!r}; choose of {known}", param_hint="--language")
    words = spell_words((clip.transcript for clip in read_index(prepared)), language)
    write_pronunciations(out, words, language)
    letters = sorted({letter for spelling in words.values() for letter in spelling})
    units = num_parts_of(len(letters))
    typer.echo(f"{len(words)} words, {len(letters)} letters: {' '.join(letters)}")
    typer.echo(f"parts of them are {units} units: --set model.num_units={units}, and model.num_tokens of the model")
    typer.echo(out)


@text.command()
def latents(
    weights: Start,
    prepared: Prepared,
    out: Path,
    recipe: str = "demo-language",
) -> None:
    """Store the posterior of every frame."""
    _check_inputs(weights=weights, prepared=prepared)
    typer.echo(store_latents(weights, load_recipe_of(ModelRecipe, recipe).model, prepared, out))


@text.command()
def phones(
    start: Start,
    prepared: Prepared,
    text: Prose,
    lexicon: LexiconFolder,
    out: Path,
    recipe: str = "demo-phones",
    cpu: bool = False,
    overrides: Overrides = None,
    accept_changes: Accept = False,
) -> None:
    """Train the transformer on prose, one position a phone, before it sees frames; an interrupted run is resumed."""
    _check_inputs(start=start, prepared=prepared, text=text, lexicon=lexicon)
    chosen = load_recipe_of(ModelRecipe, recipe, overrides or ())
    pretrain_on_phones(chosen, start, prepared, text, lexicon, out.parent, out, cpu, accept_changes)


@text.command()
def train(
    start: Start,
    prepared: Prepared,
    tokens: Tokens,
    segments: Segments,
    latents: Latents,
    text: Prose,
    lexicon: LexiconFolder,
    out: Path,
    recipe: str = "demo-text",
    text_share: float = 0.6,
    latent_weight: Annotated[float, typer.Option(help="Weight of the latents of rendered frames.")] = 0.2,
    one_voice: bool = True,
    transcripts: Annotated[bool, typer.Option(help="Render the sentences of the speech itself, as a control.")] = False,
    cpu: bool = False,
    overrides: Overrides = None,
    accept_changes: Accept = False,
) -> None:
    """Train the language part on speech and rendered text, then export it; an interrupted run is resumed."""
    _check_inputs(start=start)
    chosen = load_recipe_of(ModelRecipe, recipe, overrides or ())
    settings = TextSettings(
        text_share=text_share,
        source="transcripts" if transcripts else "prose",
        latent_weight=latent_weight,
        one_voice=one_voice,
    )
    folders = _folders(prepared, tokens, segments, latents, text, lexicon)
    train_with_text(chosen, settings, folders, start, out, cpu, accept_changes)


@text.command()
def measure(
    prepared: Prepared,
    tokens: Tokens,
    segments: Segments,
    latents: Latents,
    text: Prose,
    lexicon: LexiconFolder,
    recipe: str = "demo-language",
    one_voice: bool = True,
    frames: Annotated[int, typer.Option(help="Frames that each unit model is fitted to.")] = 600_000,
) -> None:
    """Measure how well the corpus covers the prose and how close rendered units are to spoken ones."""
    folders = _folders(prepared, tokens, segments, latents, text, lexicon)
    chosen = load_recipe_of(ModelRecipe, recipe)
    source = mixed_windows(chosen, TextSettings(one_voice=one_voice), folders)
    dev = open_speech(prepared, tokens, "dev", chosen.window_frames)
    for name, value in text_report(source.speech, dev, source.text, source.frames.tokens, frames).items():
        typer.echo(f"{name}: {value:.4g}")


@text.command()
def pairs(
    prepared: Prepared,
    segments: Segments,
    text: Prose,
    lexicon: LexiconFolder,
    out: Path,
    split: str = "dev",
    words: Annotated[int, typer.Option(help="Pairs of each kind at most.")] = 1000,
) -> None:
    """Make lexical pairs of held-out speakers."""
    _check_inputs(segments=segments, prepared=prepared, text=text, lexicon=lexicon)
    typer.echo(make_pairs(segments, prepared, text, lexicon, out, split, words))


@text.command("spoken-pairs")
def spoken_pairs(
    text: Prose,
    corpus: Annotated[Path, typer.Option(help="Recordings with transcripts of held-out speakers.")],
    lexicon: LexiconFolder,
    out: Annotated[Path, typer.Option(help="Folder to write; pairs that are there are kept.")],
    split: str = "test",
    bundle: Annotated[str | None, typer.Option(help="Bundle whose tokenizer aligns the recordings.")] = None,
    words: Annotated[int, typer.Option(min=100, help="Words of prose to take words and grammar from.")] = 150_000,
    workers: int = 2,
) -> None:
    """Make pairs of words and nonwords, of right and wrong grammar, and of endings of stories, spoken as recorded."""
    _check_inputs(text=text, corpus=corpus, lexicon=lexicon)
    inputs = LadderInputs(text=text, corpus=corpus, lexicon=lexicon, bundle=Path(bundle_or_demo(bundle)))
    typer.echo(make_spoken_pairs(inputs, out, words, split, workers=workers))


@text.command()
def prepare_split(corpus: Path, out: Path, split: str = "test", workers: int = 2) -> None:
    """Prepare one split alone, to make pairs of it."""
    clips = prepare(corpus, out, (split,), workers)
    seconds = sum(clip.num_frames for clip in clips) / MelConfig().frame_rate_hz
    typer.echo(f"{len(clips)} clips, {seconds / 3600:.2f} h")


def _folders(prepared: Path, tokens: Path, segments: Path, latents: Path, text: Path, lexicon: Path) -> TextFolders:
    """Return the folders of a stage; encoded prose is stored beside the alignment."""
    inputs = {"prepared": prepared, "tokens": tokens, "segments": segments, "latents": latents, "text": text}
    _check_inputs(**inputs, lexicon=lexicon)
    return TextFolders(**inputs, lexicon=lexicon, work=segments.parent)


def _check_inputs(**inputs: Path) -> None:
    """Refuse files and folders that are not there, by the option that named them. Raises BadParameter."""
    for name, path in inputs.items():
        if not path.exists():
            raise typer.BadParameter(f"there is no file or folder {path}", param_hint=f"--{name}")
