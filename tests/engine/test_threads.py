"""One thread for small models, in the commands that serve a person."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_bundle import make_tiny_bundle

ASK = (
    "import sys, torch; torch.set_num_threads(2); "
    "from undertone.engine import Engine, limit_threads; engine = Engine.from_pretrained(sys.argv[1]); "
    "print(limit_threads(engine), torch.get_num_threads())"
)


@pytest.mark.parametrize(("environment", "threads"), [({}, "1 1"), ({"OMP_NUM_THREADS": "2"}, "2 2")])
def test_a_small_model_gets_one_thread_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], threads: str
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    bundle = make_tiny_bundle(tmp_path / "tiny")
    ran = subprocess.run([sys.executable, "-c", ASK, str(bundle)], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[0] == threads
