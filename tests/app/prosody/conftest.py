"""Fixtures of the Prosody page's tests: analysed speech, a take, and editing sessions of both."""

import pytest

from tests.clips import SAMPLE_RATE_HZ, speechlike
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.engine import Engine, Sampling, Speech, Take


@pytest.fixture(scope="session")
def speech(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.1, 1.6)


@pytest.fixture(scope="session")
def second(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0, hz=210, seed=4), SAMPLE_RATE_HZ, 0.0, 1.2)


@pytest.fixture
def editing(engine: Engine, speech: Speech, second: Speech) -> EditingSession:
    """A session of speech at two steps and seed 5, with a second recording."""
    editing = EditingSession.open(engine, Original("clip", speech), Sampling(steps=2), seed=5)
    editing.others.append(Original("second", second))
    return editing


@pytest.fixture(scope="session")
def take(engine: Engine) -> Take:
    speech = engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.0, 1.5)
    return engine.continue_(speech, 0.5, Sampling(steps=2, end="never"), seed=11)


@pytest.fixture(scope="session")
def edited_take(engine: Engine, take: Take) -> EditingSession:
    """A session of a take, without a second recording; tests leave it as it is."""
    settings = take.settings
    return EditingSession.open(engine, Original("take", take), settings.sampling, settings.seed + settings.index)
