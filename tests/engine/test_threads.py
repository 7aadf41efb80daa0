"""One thread for small models, in the commands that serve a person."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import Engine, limit_threads


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("environment", "threads"), [({}, 1), ({"OMP_NUM_THREADS": "2"}, 2)])
def test_a_small_model_gets_one_thread_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path / "tiny"), device="cpu")
    assert (limit_threads(engine), torch.get_num_threads()) == (threads, threads)
