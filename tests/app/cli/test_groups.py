"""`undertone text` and `undertone lexical`: groups of verbs that are loaded when they are asked for."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from undertone.app.cli.main import app


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def plain(result: Result) -> str:
    """Everything that was printed, without colours, frames and line ends."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", result.output + (result.stderr if result.stderr_bytes is not None else ""))
    return re.sub(r"[\s│]+", " ", text)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("text", "--help"), ("Usage: undertone text ", "align", "latents", "phones", "train", "measure", "pairs")),
        (("text", "align", "--help"), ("Usage: undertone text align ", "--tokenizer", "--ctc-clips", "--help")),
        (("export", "onnx", "--help"), ("Usage: undertone export onnx ", "--runtime", "--title")),
        (("lexical", "--help"), ("Usage: undertone lexical ", "bundle", "run")),
        (("lexical", "run", "--help"), ("Usage: undertone lexical run ", "--scores")),
    ],
)
def test_help_names_the_whole_command(words: tuple[str, ...], shown: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 0
    for each in shown:
        assert each in plain(done)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("text",), "Usage: undertone text "),
        (("text", "align", "--nope"), "No such option: --nope"),
        (("text", "nope"), "No such command 'nope'"),
        (("text", "align"), "Missing"),
        (("lexical", "bundle"), "Missing argument"),
        (("lexical", "run", "--nope"), "No such option: --nope"),
        (("lexical", "run", "nowhere", "b", "c", "d"), "nowhere"),
    ],
)
def test_a_wrong_use_is_told_with_status_2(words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert told in plain(done)


def test_a_file_that_is_not_there_is_told_by_its_option(tmp_path: Path) -> None:
    inputs = [f"--{name}={tmp_path}" for name in ("start", "prepared", "lexicon")]
    done = run("text", "phones", *inputs, f"--text={tmp_path / 'prose'}", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "--text" in plain(done)
    assert "there is no file or folder" in plain(done)
    assert not (tmp_path / "out").exists()
