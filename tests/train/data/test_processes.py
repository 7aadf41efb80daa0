"""Two processes on the CPU, as `accelerate launch` starts them: shared preparation, and the training of one process."""

import json
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.train.recipes.test_recipes import small
from undertone.train.data.corpus_report import read_report
from undertone.train.data.pool import shard_numbers

ROOT = Path(__file__).parents[3]
# --multi_gpu is what makes accelerate start several processes at all, on a CPU too
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
CLIPS_PER_MICRO_BATCH = "frames_per_batch=192"


def undertone(num_processes: int, *words: object) -> str:
    """Run a verb in so many processes; returns what they printed."""
    return in_processes(num_processes, "undertone", *words)


def in_processes(num_processes: int, module: str, *words: object) -> str:
    """Run a module in so many processes; returns what they printed."""
    launch = [*LAUNCH, "--dynamo_backend", "no", "--main_process_port", "0", "--num_processes", str(num_processes)]
    command = [sys.executable, *(launch if num_processes > 1 else []), "-m", module, *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def shards(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("two") / "shards"
    undertone(2, "prepare", "--corpus", corpus, "--out", out, "--shards", "--shard-hours", 6 / 3600, "--workers", 1)
    return out


def test_two_processes_prepare_every_shard_once(shards: Path) -> None:
    report = read_report(shards)
    assert {split: found["clips"] for split, found in report["splits"].items()} == {"train": 9, "dev": 3}
    assert len(shard_numbers(shards, "train")) > 2
    assert not list(shards.rglob(".partial*"))


def train(num_processes: int, shards: Path, tokenizer_run: Path, out: Path) -> tuple[list[float], Path]:
    """Logged losses and exported weights of a run with two micro-batches a step, over all processes."""
    changes = [
        *small("small-cpu"),
        "steps=8",
        "log_steps=4",
        CLIPS_PER_MICRO_BATCH,
        f"gradient_accumulation={2 // num_processes}",
    ]
    settings = [word for change in changes for word in ("--set", change)]
    folders = ["--prepared", shards, "--tokenizer", tokenizer_run, "--out", out]
    undertone(num_processes, "train", "small-cpu", *folders, *settings, "--cpu")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line], out / "export.safetensors"


def test_two_processes_train_as_one_does_on_the_same_batches(shards: Path, tokenizer_run: Path, tmp_path: Path) -> None:
    one, weights_of_one = train(1, shards, tokenizer_run, tmp_path / "one")
    two, weights_of_two = train(2, shards, tokenizer_run, tmp_path / "two")
    assert len(one) == 2
    assert two == pytest.approx(one, rel=1e-4)
    expected, found = load_file(weights_of_one), load_file(weights_of_two)
    for key, value in expected.items():
        assert (value - found[key]).abs().max() < 2e-3, key


def test_every_stage_trains_on_two_processes(
    prepared: Path, lexicon_folder: Path, tokens: Path, tmp_path: Path
) -> None:
    with lzma.open(tmp_path / "books.tsv.xz", "wt") as file:
        file.write("book\tsentence\n" + "emma\tWe saw the sea, the old man ran.\n" * 12)
    printed = in_processes(2, "tests.train.every_stage", prepared, lexicon_folder, tokens, tmp_path, tmp_path)
    trained = [line.removeprefix("trained: ") for line in printed.splitlines() if line.startswith("trained: ")]
    assert trained == [
        "tokenizer", "tokenizer of parts of phones", "vocoder",
        "model, all", "model, decoder", "model, language", "model, sound", "phones",
    ]  # fmt: skip
