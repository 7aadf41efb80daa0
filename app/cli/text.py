"""Text for training: corpora aligned with their words, prose as units, lexical pairs."""

from pathlib import Path
from typing import Annotated

import typer

from undertone.engine.config import MelConfig
from undertone.train import ModelRecipe, load_recipe_of, prepare
from undertone.train.lexical.pair_file import make_pairs
from undertone.train.runs.text_stages import pretrain_on_phones, train_with_text
from undertone.train.text.align_corpus import CTC_CLIPS, align_and_refine
from undertone.train.text.diagnostics import text_report
from undertone.train.text.mixed_windows import open_speech
from undertone.train.text.posterior_file import store_latents
from undertone.train.text.stage import TextFolders, TextSettings, mixed_windows

text = typer.Typer(name="text", no_args_is_help=True, add_completion=False, help=__doc__)

Prepared = Annotated[Path, typer.Option(help="flat prepared folder")]
LexiconFolder = Annotated[Path, typer.Option(help="folder of cmudict.dict")]
Prose = Annotated[Path, typer.Option(help="folder of books.tsv.xz")]
Tokens = Annotated[Path, typer.Option(help="tokens-NAME.u16 of the prepared folder")]
Segments = Annotated[Path, typer.Option(help="segments-NAME.jsonl, as `align` wrote it")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="key=value of the recipe")]


@text.command()
def align(
    tokenizer: Annotated[Path, typer.Option(help="run of the phonetic tokenizer")],
    prepared: Prepared,
    tokens: Tokens,
    lexicon: LexiconFolder,
    out: Path,
    ctc_clips: Annotated[int, typer.Option(help="of each split, aligned by CTC to teach the rest; 0: all")] = CTC_CLIPS,
    workers: int = 2,
) -> None:
    """Find the frames of every phone of every clip; an interrupted run goes on."""
    typer.echo(align_and_refine(tokenizer, tokens, prepared, lexicon, out, workers, ctc_clips or None))


@text.command()
def latents(
    weights: Annotated[Path, typer.Option(help="export.safetensors of the decoder part")],
    prepared: Prepared,
    out: Path,
    recipe: str = "demo-language",
) -> None:
    """Store the posterior of every frame."""
    typer.echo(store_latents(weights, load_recipe_of(ModelRecipe, recipe).model, prepared, out))


@text.command()
def phones(
    start: Annotated[Path, typer.Option(help="export.safetensors of the decoder part")],
    prepared: Prepared,
    text: Prose,
    lexicon: LexiconFolder,
    out: Path,
    recipe: str = "demo-phones",
    cpu: bool = False,
    overrides: Overrides = None,
    accept_changes: Annotated[
        bool, typer.Option(help="resume with other settings than the run was begun with")
    ] = False,
) -> None:
    """Train the transformer on prose, one position a phone, before it hears frames; an interrupted run goes on."""
    chosen = load_recipe_of(ModelRecipe, recipe, overrides or ())
    pretrain_on_phones(chosen, start, prepared, text, lexicon, out.parent, out, cpu, accept_changes)


@text.command()
def train(
    start: Annotated[Path, typer.Option(help="export.safetensors of the decoder part")],
    prepared: Prepared,
    tokens: Tokens,
    segments: Segments,
    latents: Annotated[Path, typer.Option(help="latents-NAME.f16, as `latents` wrote it")],
    text: Prose,
    lexicon: LexiconFolder,
    out: Path,
    recipe: str = "demo-text",
    text_share: float = 0.6,
    latent_weight: Annotated[float, typer.Option(help="of the latents of rendered frames")] = 0.2,
    one_voice: bool = True,
    transcripts: Annotated[bool, typer.Option(help="render the speech's own sentences: the control")] = False,
    cpu: bool = False,
    overrides: Overrides = None,
    accept_changes: Annotated[
        bool, typer.Option(help="resume with other settings than the run was begun with")
    ] = False,
) -> None:
    """Train the language part on speech and rendered text, then export it; an interrupted run goes on."""
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
    latents: Annotated[Path, typer.Option(help="latents-NAME.f16")],
    text: Prose,
    lexicon: LexiconFolder,
    recipe: str = "demo-language",
    one_voice: bool = True,
    frames: Annotated[int, typer.Option(help="that each model of units sees")] = 600_000,
) -> None:
    """Say how well the corpus covers the prose, and how much rendered units look like spoken ones."""
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
    words: Annotated[int, typer.Option(help="of each kind, at most")] = 1000,
) -> None:
    """Make lexical pairs of held-out speakers."""
    typer.echo(make_pairs(segments, prepared, text, lexicon, out, split, words))


@text.command()
def prepare_split(corpus: Path, out: Path, split: str = "test", workers: int = 2) -> None:
    """Prepare one split alone, to make pairs of it."""
    clips = prepare(corpus, out, (split,), workers)
    seconds = sum(clip.num_frames for clip in clips) / MelConfig().frame_rate_hz
    typer.echo(f"{len(clips)} clips, {seconds / 3600:.2f} h")


def _folders(prepared: Path, tokens: Path, segments: Path, latents: Path, text: Path, lexicon: Path) -> TextFolders:
    """Encoded prose is kept beside the alignment."""
    return TextFolders(
        prepared=prepared, tokens=tokens, segments=segments, latents=latents, text=text, lexicon=lexicon,
        work=segments.parent,
    )  # fmt: skip
