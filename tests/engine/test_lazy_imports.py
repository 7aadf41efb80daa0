"""What a process may import: without a model no torch, before its first visitor nothing that pages do not need."""

import subprocess
import sys
from pathlib import Path

import pytest

from undertone import engine

ROOT = Path(__file__).parent.parent.parent
WITHOUT_A_MODEL = (
    "undertone.engine.generation.take_settings",
    "undertone.engine.audio.wav",
    "undertone.studies.sessions",
    "undertone.studies.store.startup",
    "undertone.studies.sessions.casual_ratings",
    "undertone.studies.build.takes",
    "undertone.app.rate",
    "undertone.app.auth.sign_in_page",
    "undertone.app.site.studies_site",
    "undertone.app.cli.main",
    "undertone.app.cli.serve",
    "undertone.app.server.front",
)
PLAYGROUND = """
from undertone.app.shared.gradio_import import shorten_gradio_import
shorten_gradio_import()
from undertone.app import prosody
from undertone.app.continue_page import page
from undertone.app.ladder import page as ladder_page
from undertone.app.server import playground, studies_client
from undertone.app.site import application
from undertone.engine import Engine
"""
NOT_OF_THE_PLAYGROUND = {
    "accelerate", "alembic", "lhotse", "librosa", "matplotlib", "mcp", "numba", "parselmouth", "scipy", "sklearn",
    "sqlalchemy", "statsmodels", "torch._dynamo", "transformers", "undertone.studies.store", "undertone.train",
}  # fmt: skip


@pytest.fixture(scope="module")
def loaded_in_turn() -> dict[str, list[str]]:
    """Which of Torch, Gradio and pandas a process has that imports one module after the other, by the newest module.

    A module adds what it imports and takes nothing away: the first that loads one of them is the one that does it.
    """
    says = "print(module, *sorted({'torch', 'gradio', 'pandas'} & set(sys.modules)))"
    code = f"import importlib, sys\nfor module in {WITHOUT_A_MODEL}: importlib.import_module(module); {says}"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {words[0]: words[1:] for words in map(str.split, ran.stdout.splitlines())}


@pytest.mark.parametrize("module", WITHOUT_A_MODEL)
def test_what_serves_raters_loads_neither_torch_nor_gradio(loaded_in_turn: dict[str, list[str]], module: str) -> None:
    assert loaded_in_turn[module] == []


def test_the_playground_loads_its_engine_and_pages_and_neither_studies_nor_what_only_some_requests_need() -> None:
    needed = {"gradio", "torch"}  # the question is answered of a process that has loaded its pages
    assert _loaded(PLAYGROUND, NOT_OF_THE_PLAYGROUND | needed) == sorted(needed)


def _loaded(code: str, modules: set[str]) -> list[str]:
    """Return which of the modules a fresh process has imported after the code."""
    asked = f"{code}\nimport sys; print(*sorted({modules!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_every_public_name_of_the_engine_is_found() -> None:
    assert all(getattr(engine, name) is not None for name in engine.__all__)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        engine.nothing_of_this_name  # noqa: B018
