"""Ablations of the paper, trained and measured: what they cost, their bundles and their tables."""

from collections.abc import Iterator
from pathlib import Path

from undertone.app.cli.evaluation import paper_suite
from undertone.studies.measures.heldout import ListedCorpus
from undertone.studies.suite.run import SuitePlan
from undertone.train.corpora.listing import list_sources
from undertone.train.model.recipe import ModelRecipe
from undertone.train.runs.demo_bundle import describe_corpora, find_licence
from undertone.train.runs.sweep import SweepInputs, train_sweep


def run_sweep(
    recipes: dict[str, ModelRecipe],
    stages: tuple[Path, Path, Path],
    corpus: Path,
    out: Path,
    size: tuple[int, int],
    whisper: str | None,
    spoken_pairs: Path | None,
    cpu: bool,
) -> Iterator[str]:
    """Train all variants, measure them on the corpus's held-out split, and yield the tables.

    Args:
        stages: folders of the prepared corpus, of the tokenizer and of the vocoder.
        size: clips to reconstruct and prompts to go on from.
        corpus: recordings to measure on, of the test split, or of dev where there is none.
    """
    data = describe_corpora(corpus)
    inputs = SweepInputs(*stages, data, find_licence(data))
    bundles = train_sweep(recipes, inputs, out, cpu)
    listed = ListedCorpus.from_list(corpus, list_sources(corpus))
    plan = SuitePlan(listed, listed.split_to_measure(), *size, whisper=whisper, spoken_pairs=spoken_pairs)
    yield from paper_suite([str(bundle) for bundle in bundles], plan, out / "suite")
