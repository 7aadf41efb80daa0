"""The modality ladder: one text as token streams, a language model of each, judged on the same pairs."""

from pathlib import Path
from typing import Annotated

import typer

from undertone.app.package_data import bundle_or_demo
from undertone.studies.ladder.judgement import judge_ladder
from undertone.studies.ladder.report import ladder_lines, write_ladder_report
from undertone.train.ladder.pair_file import PairSettings
from undertone.train.ladder.rung_stage import LadderSettings
from undertone.train.recipes import with_overrides
from undertone.train.runs.ladder import LadderInputs, LadderPlan, plan_ladder, train_ladder

ladder = typer.Typer(name="ladder", no_args_is_help=True, add_completion=False, help=__doc__)


@ladder.command()
def make(
    text: Annotated[Path, typer.Option(exists=True, help="Folder with books.tsv.xz.")],
    corpus: Annotated[Path, typer.Option(exists=True, help="Recordings with transcripts, or a prepared folder.")],
    lexicon: Annotated[
        Path, typer.Option(exists=True, help="Pronouncing dictionary, or the folder with cmudict.dict.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; what is finished there is kept.")],
    words: Annotated[int, typer.Option(min=100, help="Words to train on, spread over the books.")] = 150_000,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Models of every rung.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="Times that every model reads the text.")] = 4,
    topics: Annotated[int, typer.Option(min=2, help="Pairs of story endings, the dearest of all pairs.")] = 300,
    prompts: Annotated[int, typer.Option(min=2, help="Sentences that every model goes on from, five times.")] = 200,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting of the models, for example transformer.dim=256.")
    ] = None,
    bundle: Annotated[str | None, typer.Option(help="Bundle whose tokenizer makes the units of speech.")] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Train on the CPU even where there is a GPU.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained, and write nothing.")] = False,
) -> None:
    """Make streams, pairs, models and the report; an interrupted call goes on."""
    inputs = LadderInputs(text=text, corpus=corpus, lexicon=lexicon, bundle=Path(bundle_or_demo(bundle)))
    settings = with_overrides(LadderSettings(epochs=epochs), changes or ())
    if dry_run:
        for line in plan_lines(plan_ladder(inputs, out, words, seeds, settings)):
            typer.echo(line)
        return
    train_ladder(inputs, out, words, seeds, settings, PairSettings(topics=topics), cpu=cpu, prompts=prompts)
    result = judge_ladder(out)
    for line in ladder_lines(result):
        typer.echo(line)
    typer.echo(write_ladder_report(result, out))


def plan_lines(plan: LadderPlan) -> list[str]:
    """Return what a ladder would train, in lines."""
    return [
        f"{plan.train_words:,} words to train on and {plan.held_out_words:,} held out, of {plan.books} books",
        f"{len(plan.rungs)} rungs ({', '.join(plan.rungs)}), {plan.seeds} seeds each, {plan.steps:,} steps each",
        f"finished: {', '.join(plan.done) or 'none'}",
    ]
