"""The dependency rule between the packages, and what every file owes its reader."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"app", "engine", "studies", "train"}
MAY_IMPORT = {"engine": set(), "train": {"engine"}, "studies": {"engine"}, "app": {"engine", "studies"}}
COMMAND = ROOT / "app" / "command.py"
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names & PACKAGES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_import_only_what_the_design_allows(path: Path) -> None:
    if path == COMMAND:
        return
    package = path.relative_to(ROOT).parts[0]
    assert imported_packages(path) <= MAY_IMPORT[package] | {package}


def test_the_command_line_loads_the_packages_lazily() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, undertone.app.cli.main; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "gradio", "train", "studies", "accelerate", "lhotse"} & set(loaded)


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
