"""What holds for every test: nobody's own studies are touched, and what was imported is no garbage to look through."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from undertone.app.server.kernel_store import COMPILED, kernels_are_stored
from undertone.app.shared.gradio_import import shorten_gradio_import

gc.disable()  # until all is collected: the imports and rewritten assertions leave little garbage among many objects

# A busy machine is no failure.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
shorten_gradio_import()  # before any test's module imports Gradio, as `undertone serve` does


# Files that take minutes begin before the others: the last of them would leave the other core with nothing to do.
LONGEST = (
    "app/server/test_two_processes.py",
    "app/test_hosting.py",
    "app/test_wheel.py",
    "app/test_sub_path.py",
    "app/guard/test_attacks.py",
    "train/data/test_processes.py",
    "train/tokenizer/test_hubert_units.py",
    "studies/store/test_accidents.py",
    "studies/evaluation/test_evaluate.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Compile the model's step once, before any worker: until it is stored, each server of a test compiles it anew."""
    if not hasattr(config, "workerinput") and not kernels_are_stored() and os.access(COMPILED, os.W_OK):
        subprocess.run([sys.executable, "-m", "undertone.app.server.kernel_store"], cwd=config.rootpath, check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST))


def pytest_collection_finish() -> None:
    """Leave what the imports made out of every later collection of garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def studies_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that tests start keep their studies in a temporary folder."""
    before = os.environ.get("UNDERTONE_DATA")
    os.environ["UNDERTONE_DATA"] = str(tmp_path_factory.mktemp("undertone-data"))
    yield
    if before is None:
        del os.environ["UNDERTONE_DATA"]
    else:
        os.environ["UNDERTONE_DATA"] = before
