"""A rater's session on the server: what they hear, the order of its sections, proof of listening, and its end."""

from undertone.studies.sessions.endings import close_expired
from undertone.studies.sessions.entry import Visitor, visitor_of
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.screening_alarms import RuleRate, rule_rates
from undertone.studies.sessions.service import Sessions, Sound
from undertone.studies.sessions.signing_key import SigningKeyError, load_secret
from undertone.studies.sessions.trials import Answer, Playback

__all__ = [
    "Answer",
    "Playback",
    "RuleRate",
    "SessionError",
    "Sessions",
    "SigningKeyError",
    "Sound",
    "Visitor",
    "close_expired",
    "load_secret",
    "rule_rates",
    "visitor_of",
]
