"""HOSTING.md names every option and every variable that a server reads, and no other."""

import re
from pathlib import Path

import click
import typer.main

from undertone.app.cli.main import app

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "HOSTING.md").read_text(encoding="utf-8")
OF_OTHERS = {"UNDERTONE_WHISPER"}  # of `undertone evaluate`, which no server runs


def options(verb: str) -> dict[str, tuple[str, ...]]:
    """The options of a verb with their variables, in the order in which they count."""
    group = typer.main.get_command(app)
    command = group.get_command(click.Context(group), verb)  # type: ignore[attr-defined]  # a group of typer
    found = {}
    for option in command.params:
        variables = option.envvar or ()
        found[option.opts[0]] = (variables,) if isinstance(variables, str) else tuple(variables)
    return found


def test_every_option_of_serve_is_there_with_its_variables_in_their_order() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| `--")]
    told = {re.findall(r"`(--[\w-]+)`", row)[0]: tuple(re.findall(r"`([A-Z_]+)`", row.split("|")[2])) for row in rows}
    for option, variables in options("serve").items():
        assert option in told
        if variables:
            assert told[option] == variables, option


def test_every_variable_of_ours_that_the_code_reads_is_there_and_no_other() -> None:
    files = [path for folder in ("app", "engine", "studies") for path in (ROOT / folder).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in files)
    read = set(re.findall(r'"(UNDERTONE_[A-Z_]+)"', code)) - OF_OTHERS
    assert set(re.findall(r"\bUNDERTONE_[A-Z_]+\b", TEXT)) == read
