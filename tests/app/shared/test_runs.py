"""All runs of a process end together, and none begins afterwards."""

import threading

from undertone.app.shared.runs import RESTARTING, Runs
from undertone.app.shared.widgets import Note

USUAL = Note("quiet", "Cancelled.")


def test_until_the_end_runs_go_on_and_a_cancelled_one_is_told_the_usual_words() -> None:
    runs, stop = Runs(), threading.Event()
    runs.watch(stop)
    assert not stop.is_set()
    assert runs.word(USUAL) is USUAL


def test_the_end_stops_every_run_with_another_word_and_lets_none_begin() -> None:
    runs, before, after = Runs(), threading.Event(), threading.Event()
    runs.watch(before)
    runs.end()
    runs.watch(after)
    assert before.is_set()
    assert after.is_set()
    assert runs.word(USUAL) is RESTARTING


def test_a_run_that_is_over_is_forgotten() -> None:
    runs = Runs()
    runs.watch(threading.Event())
    assert not list(runs._stops)
