"""What the house must not lose: arrows between packages and folders, no circle, one definition of a public name."""

import ast
import gc
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "undertone"
MAY_IMPORT: dict[str, set[str]] = {
    "engine": set(),
    "train": {"engine"},
    "studies": {"engine"},
    "app": {"engine", "studies"},
}
COMMANDS = "app.cli"  # the command line alone joins all packages
# Each package's folders and loose modules in the order in which they build on each other: imports lead to the left.
ORDER: dict[str, tuple[str, ...]] = {
    "engine": (
        "errors", "config", "noise", "progress", "worker_pool", "lexical_pair", "ladder", "files", "audio", "network",
        "probe", "tokenizers", "vocoders", "bundle", "words", "generation", "export", "published", "engine", "energy",
        "prosody", "threads", "benchmark",
    ),
    "train": (
        "corpora", "alignment", "data", "loop", "tokenizer", "model", "student", "vocoder", "recipes", "text",
        "lexical", "ladder", "runs",
    ),
    "studies": (
        "errors", "store", "design", "choices", "measures", "build", "importing", "lexical", "ladder", "benchmarks",
        "probe", "sessions", "panels", "analysis", "evaluation", "suite",
    ),
    "app": (
        "package_data", "asgi", "guard", "shared", "auth", "continue_page", "prosody", "ladder", "api", "rate",
        "results", "site", "replicas", "server", "hosting", "load", "browser", "cli",
    ),
}  # fmt: skip
# Started by a console script, as a process of its own, or by Alembic.
STARTED = {
    "app.cli.main", "app.cli.space_app", "app.hosting.healthcheck", "app.server.fetch", "studies.store.migrations.env",
}  # fmt: skip
FILES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    """Return the name of a file's module below `undertone`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def place_of(module: str) -> str:
    """Return the folder of a module in its package, or the module itself where it lies loose."""
    return ".".join(module.split(".")[:2])


@pytest.fixture(scope="module", autouse=True)
def trees() -> Iterator[None]:
    """Keep every file's tree for the tests of this file alone; looking for garbage among them takes seconds."""
    gc.disable()
    yield
    tree_of.cache_clear()
    gc.enable()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports() -> dict[str, set[str]]:
    """Return the modules of this project that each module imports, at its top or in a function, for types too."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, path in MODULES.items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE:
                source = (node.module or "").removeprefix(PACKAGE).lstrip(".")
                for alias in node.names:
                    whole = f"{source}.{alias.name}".lstrip(".")
                    found[module].add(whole if whole in MODULES else source)
    return found


def test_every_import_names_the_package() -> None:
    """`import app` would work in a checkout and nowhere else."""
    for path in [*FILES, *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: relative import"
                names = [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & set(MAY_IMPORT), f"{path} imports {names}"


@pytest.mark.parametrize("module", MODULES)
def test_packages_import_only_what_the_design_allows(module: str) -> None:
    package = module.partition(".")[0]
    allowed = set(MAY_IMPORT) if module.startswith(COMMANDS) else MAY_IMPORT[package] | {package}
    assert {other.partition(".")[0] for other in imports()[module]} <= allowed


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_every_import_within_a_package_leads_down(package: str) -> None:
    order = [f"{package}.{name}" for name in ORDER[package]]
    places = {place_of(module) for module in MODULES if module.startswith(f"{package}.")}
    assert sorted(order) == sorted(places), "ORDER names every folder and every loose module once"
    upward = [
        f"{module} -> {other}"
        for module, others in imports().items()
        for other in others
        if {place_of(module), place_of(other)} <= places
        and order.index(place_of(other)) > order.index(place_of(module))
    ]
    assert not upward


def test_no_modules_import_each_other_in_a_circle() -> None:
    waiting = {module: others & set(MODULES) - {module} for module, others in imports().items()}
    while free := [module for module, others in waiting.items() if not others & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert not waiting, "these import each other, or modules that do"


def test_no_module_is_there_for_nothing() -> None:
    used = {other for others in imports().values() for other in others}
    for module, path in MODULES.items():
        if path.name != "__init__.py" and "migrations.versions" not in module and module not in STARTED:
            assert module in used, f"{module} is imported by nothing but tests"


def test_a_public_name_is_defined_once() -> None:
    """Verbs of the command line may be called as what they run."""
    homes = defaultdict(set)
    for module, path in MODULES.items():
        if module.startswith(COMMANDS) or "migrations" in module:
            continue
        for node in tree_of(path).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith(
                "_"
            ):
                homes[node.name].add(module)
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}


def test_the_rules_see_real_imports() -> None:
    assert {other.partition(".")[0] for other in imports()["app.cli.main"]} == set(MAY_IMPORT)
    assert "engine.config" in imports()["engine.bundle"]


def test_a_test_lies_where_its_module_does() -> None:
    """tests/app/results/test_page.py is about the folder app/results."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        if folder.parts and folder.parts[0] in MAY_IMPORT:
            assert (ROOT / folder).is_dir(), f"{path} mirrors no folder"


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
