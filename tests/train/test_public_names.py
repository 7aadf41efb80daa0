"""The Python interface of the training package."""

import subprocess
import sys
from pathlib import Path

import pytest

from undertone import train

ROOT = Path(__file__).parents[2]


def test_every_public_name_is_found() -> None:
    assert all(getattr(train, name) is not None for name in train.__all__)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        train.nothing_of_this_name  # noqa: B018


def test_the_package_alone_loads_no_torch() -> None:
    code = "import sys, undertone.train; print(*sorted({'torch', 'lhotse', 'accelerate'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
