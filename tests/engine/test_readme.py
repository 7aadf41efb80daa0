"""The README's Python, run as it stands, on a bundle of random weights in the place of the embedded one."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.clips import speechlike, write_wav16
from tests.tiny_bundle import make_tiny_bundle

README = Path(__file__).parents[2] / "README.md"


def test_the_example_runs_and_keeps_its_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    make_tiny_bundle(tmp_path / "assets" / "demo", phones=("AH", "D", "IY", "K", "N", "S", "T"))
    write_wav16(tmp_path / "prompt.wav", speechlike(4.0))
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(compile(example, str(README), "exec"), made)
    take = made["take"]
    assert take.speech.seconds > 3.0
    assert torch.equal(made["again"].audio, take.audio)
    assert torch.equal(torch.cat(made["chunks"], dim=1)[0], take.audio)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{stem}.{kind}" for stem in ("take", "edited", "onward", "slower") for kind in ("wav", "json")}
    assert (tmp_path / "out" / "edited.wav").read_bytes() != (tmp_path / "out" / "onward.wav").read_bytes()
