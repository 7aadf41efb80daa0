"""Requests of a rater's browser: every call takes a token and the time, and is checked against the database."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from undertone.studies.design.kinds import MushraTrial
from undertone.studies.design.languages import PageWords
from undertone.studies.design.sections import Headphones
from undertone.studies.sessions import headphones
from undertone.studies.sessions.declining import decline
from undertone.studies.sessions.endings import end_session
from undertone.studies.sessions.entry import Arrival, begin
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.flow import TONES, answer_section, headphone_progress
from undertone.studies.sessions.pages import Page, open_pages
from undertone.studies.sessions.presence import Addresses
from undertone.studies.sessions.session_context import SEEN_EVERY, SessionContext, study_design
from undertone.studies.sessions.session_tokens import SessionTokens, normalise_resume_code
from undertone.studies.sessions.signs import PageSigns
from undertone.studies.sessions.trials import Playback, TrialAnswer, finish_trial, note_playback, rate, session_trial
from undertone.studies.sessions.views import View, reference_id, sound_id, view_of
from undertone.studies.store import Database
from undertone.studies.store.tables import Session, Stimulus, Study, System
from undertone.studies.store.withdrawal import withdraw

T = TypeVar("T")
logger = logging.getLogger(__name__)

_VOLUME_DBFS = -26.0  # about the study's loudness, for noise of speech's spectrum


@dataclass(frozen=True)
class Sound:
    """Bytes for the browser, without a name."""

    content: bytes
    media_type: str


class Sessions:
    """Sessions of raters in all studies of one database.

    Args:
        db: where everything is kept.
        media: folder of the studies' sounds, `<study id>/<path of the stimulus>`.
        secret: signs tokens (`signing_key.load_secret`).
        backups: folder of snapshots, which a withdrawal renews.
    """

    def __init__(self, db: Database, media: Path, secret: str, backups: Path | None = None) -> None:
        self.db = db
        self._media = media
        self.tokens = SessionTokens(secret)
        self._secret = secret
        self._backups = backups
        self._addresses = Addresses()

    def begin(self, study_id: str, visitor: Arrival, now: datetime) -> tuple[str, View]:
        """Return the token and the view of a new session, or of the one that this beginning has already made.

        Raises:
            SessionError, StoreError: nobody can begin here now.
        """
        try:
            return self._begin(study_id, visitor, now)
        except IntegrityError:  # the same person came in twice in the same moment: the other request was first
            return self._begin(study_id, visitor, now)

    def resume(self, code: str, now: datetime) -> tuple[str, View]:
        """Go on with a session by its code, on any device; returns token and view. Raises SessionError."""
        with self.db.reading() as transaction:
            session_id = transaction.scalar(
                select(Session.id).where(Session.resume_code == normalise_resume_code(code))
            )
        if session_id is None:
            raise SessionError("unknown_code")
        token = self.tokens.make(session_id)
        return token, self.view(token, now)

    def words(self, study_id: str) -> View:
        """Return the language of a study's pages with its messages. Raises SessionError: there is no such study."""
        with self.db.reading() as transaction:
            study = transaction.get(Study, study_id)
            if study is None:
                raise SessionError("unknown_study")
            design = study_design(study)
            return {**PageWords(design.language, design.messages).for_page(), "framed_by": list(design.framed_by)}

    def page_of(self, study_id: str) -> tuple[tuple[str, ...], PageWords]:
        """Return the sites that may hold a study's page in a frame, and its language; none and English for no study."""
        with self.db.reading() as transaction:
            study = transaction.get(Study, study_id)
            if study is None:
                return (), PageWords()
            design = study_design(study)
            return design.framed_by, PageWords(design.language, design.messages)

    def words_of(self, token: str) -> View:
        """Return the same for the study of a session."""
        with self.db.reading() as transaction:
            session = transaction.get(Session, self.tokens.read(token))
        if session is None:
            raise SessionError("unknown_session")
        return self.words(session.study_id)

    def view(self, token: str, now: datetime) -> View:
        """Return where the session is."""
        session_id = self.tokens.read(token)
        with self.db.reading() as transaction:
            context = SessionContext.load(self.db, transaction, session_id, now)
            fresh = timedelta(0) <= now - context.session.last_seen_at < SEEN_EVERY
            if context.ended or (fresh and now < context.session.expires_at):
                return view_of(context, self._secret)
        return self._step(token, now, lambda context: view_of(context, self._secret), even_ended=True)

    def answer(self, token: str, given: dict[str, Any], now: datetime) -> View:
        """Answer the section where the session is; returns what comes next."""

        def step(context: SessionContext) -> View:
            if given.get("section") != context.session.section_index + 1:
                raise SessionError("wrong_section")
            answer_section(context, given)
            return view_of(context, self._secret)

        return self._step(token, now, step)

    def rate(self, token: str, answer: TrialAnswer, now: datetime) -> dict[str, Any]:
        """Save one rating; the acknowledgement is returned only when it is on disk."""

        def step(context: SessionContext) -> dict[str, Any]:
            rating = rate(context, answer)
            return {"saved": rating.nonce, "scale": rating.scale, "value": rating.value, "revision": rating.revision}

        return self._step(token, now, step)

    def heard(self, token: str, trial_id: str, playback: Playback, now: datetime) -> None:
        """Note that a clip was played."""
        self._step(token, now, lambda context: note_playback(context, session_trial(context, trial_id), playback))

    def finish_trial(self, token: str, trial_id: str, now: datetime, signs: PageSigns | None = None) -> dict[str, Any]:
        """Go on from a clip: the next view, and in training what is said about the answers."""

        def step(context: SessionContext) -> dict[str, Any]:
            said = finish_trial(context, trial_id, signs)
            return {"feedback": said, "view": view_of(context, self._secret)}

        return self._step(token, now, step)

    def sound(self, token: str, opaque: str, now: datetime) -> Sound:
        """Return the bytes of a sound that this session may hear now; its first sending is stamped by the server."""
        make = self._step(token, now, lambda context: self._sound(context, opaque))
        return make()  # outside of the transaction: nobody waits for a file

    def decline(self, token: str, now: datetime) -> dict[str, Any]:
        """Forget a person who does not agree; returns what they are shown."""
        return decline(self.db, self.tokens.read(token), now, self._backups)

    def withdraw(self, token: str, now: datetime) -> None:
        """Delete everything that this person has given, in all their sessions of the study."""
        session_id = self.tokens.read(token)
        with self.db.reading() as transaction:
            participant = SessionContext.load(self.db, transaction, session_id, now).session.participant_id
        withdraw(self.db, participant, self._backups, actor="rater", now=now)

    # ---------------------------------------------------------------------------------------------------------------

    def _begin(self, study_id: str, visitor: Arrival, now: datetime) -> tuple[str, View]:
        with self.db.session() as transaction:
            session = begin(self.db, transaction, study_id, visitor, now, self._secret, self._addresses)
            context = SessionContext.load(self.db, transaction, session.id, now)
            return self.tokens.make(session.id), view_of(context, self._secret)

    def _step(self, token: str, now: datetime, step: Callable[[SessionContext], T], even_ended: bool = False) -> T:
        """Take one step of a session in its own transaction; what is refused leaves the session as it is."""
        session_id = self.tokens.read(token)
        refused: SessionError | None = None
        with self.db.session() as transaction:
            context = SessionContext.load(self.db, transaction, session_id, now, lock=True, addresses=self._addresses)
            if not context.ended and now >= context.session.expires_at:
                end_session(context, "timed_out")
            if not context.ended:
                context.touch()
            try:
                if context.ended and not even_ended:
                    raise SessionError("ended")
                return step(context)
            except SessionError as error:
                refused = error  # steps check before they write, so what is saved now is only that the person was here
        raise refused

    def _sound(self, context: SessionContext, opaque: str) -> Callable[[], Sound]:
        section, session = context.section, context.session
        if section.kind == "volume" and opaque == sound_id(self._secret, session.id, "volume"):
            return self._volume(context)
        if isinstance(section, Headphones):
            progress = headphone_progress(context)
            index = len(progress["answers"])
            if opaque == sound_id(self._secret, session.id, "tones", index):
                served = progress["served_at"] or context.now.isoformat()
                session.answers = {**session.answers, TONES: {**progress, "served_at": served}}
                order = headphones.tone_orders(session.seed, section.trials)[index]
                return lambda: Sound(headphones.tone_audio(order), "audio/flac")
        return self._clip(context, opaque)

    def _volume(self, context: SessionContext) -> Callable[[], Sound]:
        kinds = Stimulus.kind.in_(("volume", "training"))
        stimuli = context.transaction.scalars(select(Stimulus).where(Stimulus.study_id == context.study.id, kinds))
        best = min(stimuli, key=lambda stimulus: (stimulus.kind != "volume", stimulus.id), default=None)
        if best is not None:
            return self._file(best)
        seed = context.session.seed
        return lambda: Sound(headphones.volume_audio(seed, _VOLUME_DBFS), "audio/flac")

    def _clip(self, context: SessionContext, trial_id: str) -> Callable[[], Sound]:
        """Return the current clip and the one after it; nobody can fetch the whole plan ahead."""
        coming = open_pages(context)[:2] if context.section.kind in ("training", "rating") else []
        for page in coming:
            if trial_id == reference_id(self._secret, page):
                return self._reference(context, page)
        trial = next((trial for page in coming for trial in page if trial.id == trial_id), None)
        if trial is None:
            raise SessionError("not_your_trial")
        if trial.first_served_at is None:
            trial.first_served_at = context.now
        return self._file(context.stimulus(trial))

    def _reference(self, context: SessionContext, page: Page) -> Callable[[], Sound]:
        """Return the open reference of a MUSHRA page: the recording that is also among its clips, hidden."""
        if page[0].kind != "main":
            stimuli = [context.stimulus(trial) for trial in page]
            return self._file(next(one for one in stimuli if (one.expected or {}).get("reference")))
        prompt = context.stimulus(page[0]).prompt_id
        query = (
            select(Stimulus)
            .join(System, System.id == Stimulus.system_id)
            .where(Stimulus.prompt_id == prompt, Stimulus.kind == "main", System.role == "ground_truth")
        )
        stimulus = context.transaction.scalar(query)
        if stimulus is None or not isinstance(context.design.trials, MushraTrial):
            raise SessionError("not_your_trial")
        return self._file(stimulus)

    def _file(self, stimulus: Stimulus) -> Callable[[], Sound]:
        path = self._media / stimulus.study_id / stimulus.path
        return lambda: _read(path)


def _read(path: Path) -> Sound:
    try:
        return Sound(path.read_bytes(), "audio/flac" if path.suffix == ".flac" else "audio/wav")
    except OSError as error:
        logger.exception("a sound of a study cannot be read")
        raise SessionError("no_sound") from error
