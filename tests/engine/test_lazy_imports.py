"""What a process without a model may import: nothing of it loads torch."""

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
)


@pytest.mark.parametrize("module", WITHOUT_A_MODEL)
def test_what_serves_raters_loads_neither_torch_nor_gradio(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'gradio', 'pandas'}} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_every_public_name_of_the_engine_is_found() -> None:
    assert all(getattr(engine, name) is not None for name in engine.__all__)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        engine.nothing_of_this_name  # noqa: B018
