"""A rater's session on the server: its plan of clips, its sections, proof of listening, screening and end.

`Sessions` answers what a browser asks; the other names are what its requests and answers are made of.
"""

from undertone.studies.sessions.endings import close_expired
from undertone.studies.sessions.entry import Arrival, arrival_of
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.screening_alarms import RuleRate, rule_rates
from undertone.studies.sessions.service import Sessions, Sound
from undertone.studies.sessions.signing_key import SigningKeyError, load_secret
from undertone.studies.sessions.trials import Playback, TrialAnswer

__all__ = [
    "Arrival",
    "Playback",
    "RuleRate",
    "SessionError",
    "Sessions",
    "SigningKeyError",
    "Sound",
    "TrialAnswer",
    "arrival_of",
    "close_expired",
    "load_secret",
    "rule_rates",
]
