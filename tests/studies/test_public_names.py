"""The public face of the studies."""

import subprocess
import sys
from pathlib import Path

import pytest

from undertone import studies

ROOT = Path(__file__).parents[2]


def test_every_public_name_of_the_studies_is_found() -> None:
    assert all(getattr(studies, name) is not None for name in studies.__all__)
    assert sorted(studies.__all__) == studies.__all__
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        studies.nothing_of_this_name  # noqa: B018


def test_importing_the_studies_loads_no_large_package() -> None:
    large = {"torch", "pandas", "sqlalchemy", "gradio"}
    code = f"import sys, undertone.studies; print(*sorted({large} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
