"""The queue before the model: nobody is passed over, nobody takes more than a turn in each round, places are true."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.app.shared.model_queue import MAX_OF_ONE, ModelQueue, QueueFullError, QueuePlace, Turn
from undertone.engine import CallProgress, Cancelled


def working(queue: ModelQueue, turns: list[Turn]) -> list[Turn]:
    return [turn for turn in turns if queue.place_of(turn) is None]


@given(st.lists(st.one_of(st.sampled_from("abcd"), st.just("-")), max_size=60), st.integers(1, 3))
def test_whoever_waits_sees_every_other_owner_at_most_once_before_it(events: list[str], slots: int) -> None:
    """`-` ends the work that began first; a letter is a request of that owner."""
    queue = ModelQueue(slots=slots)
    live: list[Turn] = []
    passed: dict[int, list[object]] = {}  # by a turn's serial: owners that began while it was its owner's first
    begun: set[int] = set()

    def note() -> None:
        for turn in working(queue, live):
            if turn.serial not in begun:
                begun.add(turn.serial)
                for other in live:
                    if other.serial not in begun and other.serial < turn.serial and other.owner != turn.owner:
                        passed.setdefault(other.serial, []).append(turn.owner)

    for event in events:
        if event == "-":
            at_work = working(queue, live)
            if at_work:
                queue.leave(at_work[0])
                live.remove(at_work[0])
        else:
            if sum(turn.owner == event for turn in live) < MAX_OF_ONE:
                live.append(queue.join(event, 1.0))
            else:
                with pytest.raises(QueueFullError, match="your runs"):
                    queue.join(event, 1.0)
        note()
        assert len(working(queue, live)) == min(slots, len(live))
        assert queue.num_waiting + queue.num_working == len(live)
        places = [queue.place_of(turn) for turn in live]
        positions = sorted(place.position for place in places if place is not None)
        assert positions == list(range(1, queue.num_waiting + 1))
    for serial, owners in passed.items():
        # A request may be passed by later ones only for its owner's own earlier turns, once by each owner a round.
        assert max(owners.count(owner) for owner in set(owners)) <= MAX_OF_ONE - 1, serial


def test_a_visitor_waits_behind_one_request_of_a_busy_program() -> None:
    queue = ModelQueue()
    program = [queue.join("program", 2.0) for _ in range(MAX_OF_ONE)]
    visitor = queue.join("visitor", 2.0)
    place = queue.place_of(visitor)
    assert place is not None
    assert place.position == 1
    queue.leave(program[0])
    assert queue.place_of(visitor) is None
    assert [queue.place_of(turn).position for turn in program[1:]] == [1, 2, 3]  # type: ignore[union-attr]


def test_expected_seconds_are_the_measured_work_of_those_before() -> None:
    now = [0.0]
    queue = ModelQueue(clock=lambda: now[0])
    for _ in range(40):  # a second of speech takes two
        turn = queue.join("a", 3.0)
        now[0] += 6.0
        queue.leave(turn)
    first, second, third = queue.join("a", 3.0), queue.join("b", 1.0), queue.join("c", 1.0)
    now[0] += 1.0
    place = queue.place_of(third)
    assert place is not None
    assert place.seconds == pytest.approx(6.0 - 1.0 + 2.0, rel=1e-3)
    assert queue.next_place().seconds == pytest.approx(6.0 - 1.0 + 4.0, rel=1e-3)
    for turn in (third, second, first):  # in any order
        queue.leave(turn)
    assert queue.next_place().position == 0


def test_a_place_is_told_in_words() -> None:
    assert QueuePlace(1, 0.2).text == "Waiting for the model. You are next, about 1 s"
    assert QueuePlace(4, 12.4).text == "Waiting for the model. 3 before you, about 12 s"


def test_too_many_are_refused_and_leaving_makes_room() -> None:
    queue = ModelQueue(max_waiting=2)
    first, *_ = [queue.join(owner, 1.0) for owner in "abc"]
    with pytest.raises(QueueFullError, match="people are waiting") as everybody:
        queue.join("d", 1.0)
    assert not everybody.value.own
    queue.leave(first)
    queue.join("d", 1.0)


def test_threads_take_turns_and_one_that_is_stopped_frees_its_place() -> None:
    queue, at_work, most, order = ModelQueue(), [0], [0], list[str]()
    lock = threading.Lock()

    def work(owner: str) -> None:
        with queue.turn(owner, 1.0) as turn:
            list(turn.places(CallProgress()))
            with lock:
                at_work[0] += 1
                most[0] = max(most[0], at_work[0])
                order.append(owner)
            time.sleep(0.02)
            with lock:
                at_work[0] -= 1

    blocker = queue.join("first", 1.0)
    stop = threading.Event()
    with queue.turn("gone", 1.0) as turn:
        places = turn.places(CallProgress(stop.is_set))
        assert next(places).position == 1
        stop.set()
        with pytest.raises(Cancelled):
            next(places)
    assert queue.num_waiting == 0
    threads = [threading.Thread(target=work, args=(f"{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
        end = time.monotonic() + 5
        while queue.num_waiting < len([one for one in threads if one.ident]) and time.monotonic() < end:
            time.sleep(0.002)
    queue.leave(blocker)
    for thread in threads:
        thread.join(10)
    assert most == [1]
    assert order == [f"{number}" for number in range(8)]
    assert (queue.num_waiting, queue.num_working) == (0, 0)
