"""train/README.md: every command in it is one that the command line takes, every recipe in it is there."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from undertone.app.cli.main import app
from undertone.app.cli.text import text
from undertone.train.recipes import load_recipe, recipe_names

README = (Path(__file__).parents[2] / "train" / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
COMMANDS = [
    line.replace("undertone ", "", 1) if line.startswith("undertone") else line.partition("-m undertone ")[2]
    for line in README.splitlines()
    if line.startswith(("undertone ", "accelerate launch"))
]


def test_there_are_the_five_commands() -> None:
    verbs = [shlex.split(command)[0] for command in COMMANDS[:5]]
    assert verbs == ["prepare", "tokenizer", "vocoder", "train", "bundle"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str) -> None:
    verb, *words = shlex.split(command)
    group = typer.main.get_command(app)
    if verb == "text":
        group = typer.main.get_command(text)
        verb, *words = words
    known = group.get_command(group.make_context("undertone", [verb]), verb)  # type: ignore[attr-defined]
    assert known is not None, verb
    context = known.make_context(verb, list(words))
    if recipe := context.params.get("recipe"):
        load_recipe(recipe, context.params.get("changes") or ())


def test_every_recipe_is_described() -> None:
    """A list goes on with endings: `librispeech-beta-0.03`, `-0.05`."""
    described = set(re.findall(r"`([\w.*-]+)`", README))
    endings = {name for name in described if name.startswith("-")}
    for name in recipe_names():
        assert name in described or name.startswith("demo-") or any(name.endswith(one) for one in endings), name
