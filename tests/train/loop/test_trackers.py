"""Runs that are logged to a tracker: the numbers of metrics.jsonl, one run over restarts, never a run's end."""

import json
from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator
from torch import nn

from undertone.engine import SettingsError
from undertone.train.loop import trackers
from undertone.train.loop.budget import Budget
from undertone.train.loop.metrics import Sample
from undertone.train.loop.run import run_stage
from undertone.train.loop.settings import RunSettings

SETTINGS = RunSettings(log_with="wandb", log_steps=2)


class Recorder:
    """What a tracker's service keeps, in place of accelerate's class; `broken` methods fail as without a network."""

    opened: list["Recorder"]
    broken: tuple[str, ...] = ()

    def __init__(self, project: str, **named: Any) -> None:
        self.project, self.named, self.rows, self.ended = project, named, [], False
        self.settings: dict[str, Any] = {}
        Recorder.opened.append(self)

    def start(self) -> None:
        self._fail("start")

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings = values

    def log(self, values: dict[str, float], step: int) -> None:
        self._fail("log")
        self.rows.append({"step": step, **values})

    def finish(self) -> None:
        self.ended = True

    def _fail(self, method: str) -> None:
        if method in self.broken:
            raise ConnectionError("no network")


class Nothing:
    name = "nothing"

    def step(self, step: int, progress: float) -> dict[str, float]:
        return {"loss": 1.0 / (step + 1)}

    def evaluate(self, step: int) -> dict[str, float]:
        return {"loss": 0.5}

    def samples(self, step: int) -> list[Sample]:
        return []

    def export_networks(self) -> dict[str, nn.Module]:
        return {}


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    monkeypatch.setattr(Recorder, "opened", [], raising=False)
    monkeypatch.setitem(trackers.TRACKERS, "wandb", Recorder)
    return Recorder


def run(out: Path, steps: int) -> list[dict[str, float]]:
    run_stage(Nothing(), out, Budget(steps=steps), Accelerator(cpu=True), settings=SETTINGS)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_a_tracker_gets_the_numbers_of_the_file_and_a_resumed_run_goes_on_in_it(
    recorder: type[Recorder], tmp_path: Path
) -> None:
    run(tmp_path, 4)
    written = run(tmp_path, 6)
    first, second = recorder.opened
    assert first.rows + second.rows == written
    assert {row["step"] for row in second.rows} == {6}
    assert first.named == second.named
    assert first.named["name"].startswith("nothing-")
    assert first.settings["log_steps"] == 2
    assert first.ended
    assert second.ended


def test_a_tracker_that_fails_later_ends_no_run_and_one_that_cannot_start_says_what_to_do(
    recorder: type[Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "broken", ("log",))
    assert run(tmp_path, 6)[-1]["step"] == 6
    assert caplog.text.count("does not take this run's numbers any more (no network)") == 1
    monkeypatch.setattr(recorder, "broken", ("start",))
    with pytest.raises(SettingsError, match=r"cannot be logged to wandb: no network\. Log in with `wandb login`"):
        run(tmp_path, 8)


def test_a_run_that_asks_for_no_tracker_opens_none(recorder: type[Recorder], tmp_path: Path) -> None:
    run_stage(Nothing(), tmp_path, Budget(steps=1), Accelerator(cpu=True))
    assert not recorder.opened
    assert not (tmp_path / trackers.IDENTITY).exists()
