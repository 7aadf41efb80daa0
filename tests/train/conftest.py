"""A corpus of a dozen synthetic clips, prepared once for all tests of the training package."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.speechlike import voice
from tests.train.tiny_recipes import TOKENIZER
from undertone.engine.worker_pool import map_in_workers
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.prepare import prepare
from undertone.train.model import pitch_targets
from undertone.train.runs.stages import run_tokenizer
from undertone.train.text import align_corpus
from undertone.train.tokenizer import assign_tokens as assign_tokens_module
from undertone.train.tokenizer import phone_parts
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.load import load_tokenizer

WORDS = ("the cat sat", "a dog ran", "we saw the sea", "one red hat", "the old man ran")
LEXICON = """\
a AH0
cat K AE1 T
dog D AO1 G
hat HH AE1 T
man M AE1 N
old OW1 L D
one W AH1 N
ran R AE1 N
red R EH1 D
sat S AE1 T
saw S AO1
sea S IY1
the DH AH0
the(2) DH IY0
we W IY1
"""


@pytest.fixture
def single_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send workers one item at a time, so that they are started for a dozen clips."""

    def map_singly(build: Any, arguments: Any, items: Any, workers: int, chunk_size: int = 1) -> Iterator[Any]:
        return map_in_workers(build, arguments, items, workers)

    for module in (align_corpus, assign_tokens_module, pitch_targets):
        monkeypatch.setattr(module, "map_in_workers", map_singly)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    with (folder / "manifest.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["utt_id", "file", "corpus", "speaker", "split", "duration_seconds", "transcript", "licence"])
        for number in range(12):
            split = "dev" if number % 4 == 3 else "train"
            seconds = 2.0 + 0.3 * (number % 5)
            soundfile.write(folder / f"{number}.flac", voice(seconds, 90 + 12 * number, number), 16_000)
            text = WORDS[number % len(WORDS)]
            writer.writerow([f"u{number}", f"{number}.flac", "buzz", f"s{number % 3}", split, seconds, text, "CC0-1.0"])
        writer.writerow(["broken", "broken.flac", "buzz", "s0", "train", 1.0, "a cat", "CC0-1.0"])
        writer.writerow(["kept-aside", "0.flac", "buzz", "s9", "test", 2.0, "a cat", "CC0-1.0"])
    (folder / "broken.flac").write_bytes(b"this is not audio")
    return folder


@pytest.fixture(scope="session")
def lexicon_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lexicon")
    (folder / "cmudict.dict").write_text(LEXICON)
    return folder


@pytest.fixture(scope="session")
def lexicon(lexicon_folder: Path) -> Lexicon:
    return Lexicon(lexicon_folder)


@pytest.fixture(scope="session")
def prepared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "prepared"
    prepare(corpus, folder, workers=1)
    return folder


@pytest.fixture(scope="session")
def tokenizer_run(prepared: Path, lexicon_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer")
    run_tokenizer(TOKENIZER, prepared, lexicon_folder, out, cpu=True)
    return out


@pytest.fixture(scope="session")
def tokens(tokenizer_run: Path, prepared: Path) -> Path:
    return assign_tokens(load_tokenizer(tokenizer_run), prepared)


@pytest.fixture
def roughly_fitted_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of parts of phones after few steps, for tests of what does not depend on how well they fit."""
    monkeypatch.setattr(phone_parts, "STEPS", 50)
