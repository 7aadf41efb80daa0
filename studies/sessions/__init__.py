"""A rater's session on the server: what they hear, the order of its sections, proof of listening, and its end."""

from studies.sessions.alarms import RuleRate, rule_rates
from studies.sessions.endings import close_expired
from studies.sessions.entry import Visitor, visitor_of
from studies.sessions.errors import SessionError
from studies.sessions.service import Sessions, Sound
from studies.sessions.signing_key import SigningKeyError, load_secret
from studies.sessions.trials import Answer, Playback

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
