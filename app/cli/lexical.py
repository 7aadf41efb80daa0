"""Lexical accuracy: how often words are likelier than nonwords, for a bundle or for a training run."""

import json
from pathlib import Path
from typing import Annotated

import typer
from safetensors.torch import load_file

from undertone.engine import Engine
from undertone.engine.config import ModelConfig
from undertone.engine.network import VAEGSLM
from undertone.engine.tokenizers import unit_names
from undertone.studies.errors import MeasureError
from undertone.studies.lexical.frames import PreparedFrames, RecordedFrames
from undertone.studies.lexical.scoring import LexicalResult, lexical_accuracy, read_pairs, score_row

lexical = typer.Typer(name="lexical", no_args_is_help=True, add_completion=False, help=__doc__)

Scores = Annotated[Path | None, typer.Option(help="File for the score of every pair, JSON lines.")]
ExistingPath = Annotated[Path, typer.Argument(exists=True)]


@lexical.command()
def bundle(folder: str, pairs: ExistingPath, corpus: ExistingPath, scores: Scores = None) -> None:
    """Score the pairs with a bundle, on recordings of a corpus with manifest.tsv."""
    engine = Engine.from_pretrained(folder)
    names = unit_names(engine.bundle.config.tokenizer)
    frames = RecordedFrames(engine, corpus)
    show(lexical_accuracy(engine.bundle.model, read_pairs(pairs), frames, unit_names=names), scores)


@lexical.command()
def run(
    folder: ExistingPath, pairs: ExistingPath, prepared: ExistingPath, tokens: ExistingPath, scores: Scores = None
) -> None:
    """Score the pairs with a training run's exported model, on a prepared folder and its units."""
    model = exported_model(folder)
    show(lexical_accuracy(model, read_pairs(pairs), PreparedFrames(prepared, tokens, model)), scores)


def exported_model(folder: Path) -> VAEGSLM:
    """Return the network that a run exported.

    Raises:
        MeasureError: the run has not exported one.
    """
    if not (folder / "export.json").is_file():
        raise MeasureError(f"{folder} holds no exported model (no export.json); finish or resume the run first.")
    model = VAEGSLM(ModelConfig.model_validate(json.loads((folder / "export.json").read_text())["model"]))
    model.load_state_dict(load_file(str(folder / "export.safetensors")))
    return model.eval()


def accuracy_lines(result: LexicalResult) -> list[str]:
    """Return a line for each kind of pair and each way to score it."""
    lines = []
    for kind, accuracy in result.accuracies.items():
        for name in ("tokens", "tokens_and_latents", "spoken_tokens", "by_phones"):
            found = getattr(accuracy, name)
            if found is None:
                continue
            interval = f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]"
            lines.append(f"{kind}, {name.replace('_', ' ')}: {interval}, {found.count} words")
    return lines


def show(result: LexicalResult, scores: Path | None) -> None:
    """Print the accuracies and write the scores."""
    if scores is not None:
        rows = [score_row(score) for score in result.scores]
        scores.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for line in accuracy_lines(result):
        typer.echo(line)
