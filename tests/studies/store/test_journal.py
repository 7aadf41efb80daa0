"""Lines of the log's copy that arrive together."""

import json
import os
import threading
from pathlib import Path

import pytest

from undertone.studies.store.journal import Journal


def line(number: int) -> str:
    return json.dumps({"events": [{"id": number}]})


def test_lines_that_wait_for_the_disk_are_written_together_and_each_is_there_when_its_write_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, begun, go_on, syncs = Journal(tmp_path), threading.Event(), threading.Event(), []
    real = os.fsync

    def slow(file: int) -> None:
        syncs.append(file)
        begun.set()
        assert go_on.wait(10)
        real(file)

    monkeypatch.setattr("undertone.studies.store.journal.os.fsync", slow)
    monkeypatch.setattr("undertone.studies.store.journal.sync_folder", lambda folder: None)
    there: dict[int, bool] = {}

    def write(number: int) -> None:
        journal.write(line(number))
        there[number] = line(number) in journal.path.read_text().splitlines()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while journal.behind < len(threads):
        pass
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert there == dict.fromkeys(range(5), True)
    assert len(syncs) == 2
    assert journal.behind == 0
    assert [one["events"][0]["id"] for one in journal.lines()] == list(range(5))


def test_a_line_that_failed_is_written_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(Journal, "_append", lambda self, data: (_ for _ in ()).throw(OSError("the disk is full")))
        journal.write(line(1))
    assert journal.behind == 1
    journal.write(line(2))
    assert journal.behind == 0
    assert [one["events"][0]["id"] for one in journal.lines()] == [1, 2]
