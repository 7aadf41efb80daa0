"""Two processes on the CPU, as `accelerate launch` starts them: shared preparation, and the training of one process.

They are started once for all of it, as every start takes both of them seconds.
"""

import json
import lzma
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.train.every_stage import undertone
from tests.train.recipes.test_recipes import small
from undertone.train.data.corpus_report import read_report
from undertone.train.data.pool import shard_numbers

ROOT = Path(__file__).parents[3]
# --multi_gpu is what makes accelerate start several processes at all, on a CPU too
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
LAUNCH += ["--dynamo_backend", "no", "--main_process_port", "0", "--num_processes", "2"]
CLIPS_PER_MICRO_BATCH = "frames_per_batch=192"


@dataclass(frozen=True)
class Launched:
    """What two processes made and printed."""

    shards: Path
    run: Path
    printed: str


def training(num_processes: int, shards: Path, tokenizer_run: Path, out: Path) -> list[str]:
    """Words of a run with two micro-batches a step, over all processes."""
    changes = [
        *small("small-cpu"),
        "steps=8",
        "log_steps=4",
        CLIPS_PER_MICRO_BATCH,
        f"gradient_accumulation={2 // num_processes}",
    ]
    settings = [word for change in changes for word in ("--set", change)]
    folders = ["--prepared", shards, "--tokenizer", tokenizer_run, "--out", out]
    return list(map(str, ["train", "small-cpu", *folders, *settings, "--workers", 1, "--cpu"]))


@pytest.fixture(scope="module")
def launched(
    corpus: Path,
    prepared: Path,
    lexicon_folder: Path,
    tokenizer_run: Path,
    tokens: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Launched:
    """Preparation, a training run and two steps of every stage in two processes."""
    folder = tmp_path_factory.mktemp("two")
    with lzma.open(folder / "books.tsv.xz", "wt") as file:
        file.write("book\tsentence\n" + "emma\tWe saw the sea, the old man ran.\n" * 12)
    shards, run = folder / "shards", folder / "run"
    hours = ["--shards", "--shard-hours", str(6 / 3600), "--workers", "1"]
    verbs = [["prepare", "--corpus", str(corpus), "--out", str(shards), *hours]]
    verbs.append(training(2, shards, tokenizer_run, run))
    stages = [prepared, lexicon_folder, tokens, folder, folder]
    command = [sys.executable, *LAUNCH, "-m", "tests.train.every_stage", json.dumps(verbs), *map(str, stages)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return Launched(shards, run, done.stdout)


def test_two_processes_prepare_every_shard_once(launched: Launched) -> None:
    report = read_report(launched.shards)
    assert {split: found["clips"] for split, found in report["splits"].items()} == {"train": 9, "dev": 3}
    assert len(shard_numbers(launched.shards, "train")) > 2
    assert not list(launched.shards.rglob(".partial*"))


def logged(run: Path) -> tuple[list[float], Path]:
    """Logged losses and exported weights of a run."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line], run / "export.safetensors"


def test_two_processes_train_as_one_does_on_the_same_batches(
    launched: Launched, tokenizer_run: Path, tmp_path: Path
) -> None:
    undertone(*training(1, launched.shards, tokenizer_run, tmp_path / "one"))
    one, weights_of_one = logged(tmp_path / "one")
    two, weights_of_two = logged(launched.run)
    assert len(one) == 2
    assert two == pytest.approx(one, rel=1e-4)
    expected, found = load_file(weights_of_one), load_file(weights_of_two)
    for key, value in expected.items():
        assert (value - found[key]).abs().max() < 2e-3, key


def test_every_stage_trains_on_two_processes(launched: Launched) -> None:
    said = launched.printed.splitlines()
    trained = [line.removeprefix("trained: ") for line in said if line.startswith("trained: ")]
    assert trained == [
        "tokenizer", "tokenizer of parts of phones", "vocoder",
        "model, all", "model, decoder", "model, language", "model, sound", "phones",
    ]  # fmt: skip
