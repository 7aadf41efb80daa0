"""Wrong passphrases wait longer and longer, by account and by address, in bounded memory."""

import pytest

from tests.app.auth.site import Clock
from undertone.app.auth.attempts import MAX_COUNTS, MAX_WAIT_SECONDS, Attempts, TooManyAttemptsError


def test_tries_at_the_same_moment_wait_for_each_other_and_then_no_more_are_taken() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    waits = [attempts.schedule("alice", "198.51.100.4").wait_seconds for _ in range(8)]
    assert waits == [0, 0, 0, 1, 3, 7, 15, 31]
    with pytest.raises(TooManyAttemptsError) as refused:
        attempts.schedule("alice", "198.51.100.4")
    clock.now += refused.value.wait_seconds
    assert attempts.schedule("alice", "198.51.100.4").wait_seconds <= MAX_WAIT_SECONDS


def test_names_that_are_tried_one_after_the_other_wait_too() -> None:
    attempts = Attempts(Clock())
    waits = [attempts.schedule(f"name-{number}", "198.51.100.4").wait_seconds for number in range(40)]
    assert waits[:20] == [0] * 20
    assert waits[-1] == 20
    assert attempts.schedule("name-1", "198.51.100.5").wait_seconds == 0


def test_many_names_take_no_more_memory_than_is_meant_for_them() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(50_000):
        clock.now += 2
        attempts.schedule(f"name-{number}", "198.51.100.4")
    assert len(attempts._counts) <= MAX_COUNTS
