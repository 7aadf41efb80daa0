"""What holds for every test: nobody's own studies are touched, and what was imported is no garbage to look through."""

import gc
import os
from collections.abc import Iterator

import pytest

from undertone.app.shared.gradio_import import shorten_gradio_import

shorten_gradio_import()  # before any test's module imports Gradio, as `undertone serve` does


def pytest_collection_finish() -> None:
    """Leave what the imports made out of every later collection of garbage."""
    gc.collect()
    gc.freeze()


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
