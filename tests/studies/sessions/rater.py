"""A rater without a browser, with a clock of their own."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.rating_study import CLIP_SECONDS
from undertone.studies.sessions import Arrival, Playback, Sessions, TrialAnswer, arrival_of
from undertone.studies.sessions.headphones import right_answer, tone_orders
from undertone.studies.sessions.views import View
from undertone.studies.store import Database
from undertone.studies.store.tables import Session

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_nonces = itertools.count()


def visitor(external_id: str | None = None, submission: str = "", nonce: str = "", address: str = "") -> Arrival:
    query = {"PROLIFIC_PID": external_id, "SESSION_ID": submission} if external_id else {}
    return arrival_of(query, "Mozilla/5.0 (X11) Firefox/140.0", nonce, address)


@dataclass
class Rater:
    """Does what the page does."""

    sessions: Sessions
    db: Database
    token: str = ""
    view: View = field(default_factory=dict)
    now: datetime = NOW

    @classmethod
    def begin(
        cls, sessions: Sessions, study: str, external_id: str | None = None, now: datetime = NOW, **more: str
    ) -> "Rater":
        rater = cls(sessions, sessions.db, now=now)
        rater.token, rater.view = sessions.begin(study, visitor(external_id, **more), rater.now)
        return rater

    @property
    def session_id(self) -> str:
        return self.sessions.tokens.read(self.token)

    @property
    def state(self) -> str:
        return str(self.view["state"])

    def row(self) -> Session:
        """The session's row, to be looked at."""
        with self.db.reading() as transaction:
            session = transaction.get_one(Session, self.session_id)
            transaction.expunge(session)
        return session

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def look(self) -> View:
        self.view = self.sessions.view(self.token, self.now)
        return self.view

    def answer(self, **given: Any) -> View:
        section = self.view["progress"]["step"]
        self.view = self.sessions.answer(self.token, {"section": section, **given}, self.now)
        return self.view

    def hear_tones(self) -> None:
        self.sessions.sound(self.token, self.view["tones"]["sound"], self.now)
        self.wait(4.5)

    def pass_headphones(self, right: int = 6) -> None:
        orders = tone_orders(self.row().seed, 6)
        for index, order in enumerate(orders):
            self.hear_tones()
            choice = right_answer(order)
            self.answer(trial=index, choice=choice if index < right else choice % 3 + 1)

    def hear(self, seconds: float = CLIP_SECONDS) -> Playback:
        self.sessions.sound(self.token, self.view["trial"]["id"], self.now)
        self.wait(seconds + 1)
        playback = Playback([(0.0, seconds)], plays=1)
        self.sessions.heard(self.token, self.view["trial"]["id"], playback, self.now)
        return playback

    def rate(self, scale: str, value: float, playback: Playback, nonce: str = "") -> dict[str, Any]:
        given = TrialAnswer(self.view["trial"]["id"], scale, value, nonce or f"nonce{next(_nonces)}", playback)
        return self.sessions.rate(self.token, given, self.now)

    def rate_clip(self, **values: float) -> dict[str, Any]:
        """Hear, answer everything, go on."""
        playback = self.hear()
        self.wait(2)
        for scale in self.view["scales"]:
            self.rate(scale["name"], values.get(scale["name"], 3), playback)
        result = self.sessions.finish_trial(self.token, self.view["trial"]["id"], self.now)
        self.view = result["view"]
        return result

    def rate_all(self, **values: float) -> None:
        """Every clip of the section, breaks too."""
        state = self.state
        while self.state == state and not self.view["ended"]:
            if "break" in self.view:
                self.answer()
            else:
                self.rate_clip(**values)

    def go_through(self, **values: float) -> None:
        """The whole of a study with the short flow."""
        self.answer(agree=True)
        self.rate_all(**values)
