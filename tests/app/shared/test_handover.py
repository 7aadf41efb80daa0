"""A take on its way to the Prosody page: a ticket for one visitor, gone with the visit."""

import gc

import pytest

from tests.clips import SAMPLE_RATE_HZ, speechlike
from undertone.app.shared.context import Context
from undertone.engine import Engine, Sampling, Take


@pytest.fixture(scope="module")
def take(engine: Engine) -> Take:
    speech = engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.0, 1.5)
    return engine.continue_(speech, 0.5, Sampling(steps=2, end="never"), seed=11)


def test_a_take_is_handed_over_with_a_ticket_of_its_own(context: Context, take: Take) -> None:
    here, there = context.new_visit(), context.new_visit()
    ticket = context.handovers.offer(here.offers, take, "Take 1")
    other = context.handovers.offer(there.offers, take, "Take 1")
    assert ticket != other
    assert context.handovers.offer(here.offers, take, "Take 1") == ticket
    handed = context.handovers.pick_up(ticket)
    assert handed is not None
    assert handed.take is take
    assert context.handovers.pick_up("guessed") is None


def test_a_ticket_ends_with_the_visit_that_gave_it(context: Context, take: Take) -> None:
    visit = context.new_visit()
    ticket = context.handovers.offer(visit.offers, take, "Take 1")
    visit.close()
    gc.collect()
    assert context.handovers.pick_up(ticket) is None
