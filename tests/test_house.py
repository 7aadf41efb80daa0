"""The dependency rule between the packages, and what every file owes its reader."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"app", "engine", "studies", "train"}
MAY_IMPORT = {"engine": set(), "train": {"engine"}, "studies": {"engine"}, "app": {"engine", "studies"}}
COMMANDS = ROOT / "app" / "cli"  # the command line alone may import all four
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported_packages(path: Path) -> set[str]:
    """Names of Undertone's packages that a file imports, at its top or in a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert not {name.partition(".")[0] for name in names} & PACKAGES, f"{path} imports without `undertone.`"
    return {name.split(".")[1] for name in names if name.startswith("undertone.")} & PACKAGES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_only_what_the_design_allows(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = PACKAGES if path.is_relative_to(COMMANDS) else MAY_IMPORT[package] | {package}
    assert imported_packages(path) <= allowed


def test_the_rule_is_held_against_real_imports() -> None:
    assert imported_packages(COMMANDS / "main.py") == PACKAGES
    assert imported_packages(ROOT / "train" / "export.py") == {"engine", "train"}


def test_the_command_line_loads_the_packages_lazily() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, undertone.app.cli.main; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "gradio", "undertone.train", "undertone.studies", "accelerate", "lhotse"} & set(loaded)


def test_every_folder_of_python_says_what_lives_there() -> None:
    for folder in {path.parent for path in FILES}:
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert docstring, f"{folder}/__init__.py has no docstring"


def test_no_file_of_the_corpus_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    outside = [
        name
        for name in listed.splitlines()
        if name.endswith((".opus", ".flac", ".mp3", ".wav", ".ogg", ".m4a")) and not name.startswith("assets/")
    ]
    assert not outside
