"""Routes of the rater's page: each checks token and limits and calls the service of sessions."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from anyio import move_on_after, to_thread
from fastapi import APIRouter, Depends, Header, Request
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse, Response
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict, Field

from undertone.app.asgi.client_address import address_of
from undertone.app.asgi.plain_page import SAFE_HEADERS
from undertone.app.rate.errors import RaterRoute
from undertone.app.rate.page import rate_page
from undertone.studies.design.languages import PageWords
from undertone.studies.sessions import Playback, SessionError, Sessions, TrialAnswer, arrival_of
from undertone.studies.sessions.signs import PageSigns

API = "/rate/api"
SECONDS_FOR_PAGE = 2.0  # to ask the database for frames and language
LIMIT_OF_SESSION = "30/second;600/minute"
LIMIT_OF_BEGINNING = "120/minute"  # from one address, which may be a whole panel behind a proxy
LIMIT_OF_CODES = "20/minute"  # a code has 58 bits


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BeginBody(_Body):
    """Begin of a session: `query` of the link may hold the panel's id; a retry repeats the `nonce`."""

    study: str = Field(max_length=64)
    query: dict[str, str] = Field(default_factory=dict, max_length=20)
    nonce: str = Field(default="", pattern=r"^[A-Za-z0-9-]{16,64}$|^$")


class ResumeBody(_Body):
    """Resume code from another device."""

    code: str = Field(max_length=64)


class PlaybackBody(_Body):
    """Playback of a clip: the stretches heard, in seconds."""

    trial: str = Field(max_length=64)
    listened: list[tuple[float, float]] = Field(max_length=200)
    plays: int = Field(ge=0)
    hidden_seconds: float = Field(ge=0)

    @property
    def playback(self) -> Playback:
        return Playback(self.listened, self.plays, self.hidden_seconds)


class RatingBody(PlaybackBody):
    """One answer on one scale."""

    scale: str = Field(max_length=64)
    value: float
    nonce: str = Field(min_length=8, max_length=64)
    others: list[PlaybackBody] = Field(default_factory=list, max_length=12)  # the page's other clips


class SignsBody(_Body):
    """Signs of a person: inputs made by one, focus, and whether the browser says that a program drives it."""

    inputs: int = Field(ge=0, le=1_000_000)
    focused: bool
    driven: bool


class FinishBody(_Body):
    """End of a trial, with what the page saw of a person meanwhile."""

    trial: str = Field(max_length=64)
    signs: SignsBody | None = None


def rate_router(
    sessions: Sessions,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    limit_of_session: str = LIMIT_OF_SESSION,
) -> APIRouter:
    """Return everything under `/rate`. Include it before a Gradio app is mounted at "/".

    Args:
        sessions: the service on the database of studies.
        clock: gives the time, with its zone.
        limit_of_session: how often the page of one session may ask, far more than a person makes it.
    """

    def refuse_while_paused() -> None:
        """Refuse every request while the database is paused, as its rows may be incomplete until it is restored."""
        if sessions.db.read_only:
            raise SessionError("read_only")

    known: dict[str, tuple[tuple[str, ...], PageWords]] = {}  # by study; only of those with frames or a language
    router = APIRouter(include_in_schema=False, route_class=RaterRoute)
    api = APIRouter(include_in_schema=False, route_class=RaterRoute, dependencies=[Depends(refuse_while_paused)])
    limiter = MovingWindowRateLimiter(MemoryStorage())
    of_session, of_beginning, of_codes = map(parse_many, (limit_of_session, LIMIT_OF_BEGINNING, LIMIT_OF_CODES))

    def hit(limits: list[RateLimitItem], *key: str) -> None:
        if not all(limiter.hit(limit, *key) for limit in limits):
            raise SessionError("too_many_requests", wait_seconds=10.0)

    async def token_of(authorization: Annotated[str, Header(max_length=400)] = "") -> str:
        token = authorization.removeprefix("Bearer ")
        hit(of_session, "session", sessions.tokens.read(token))
        return token

    Token = Annotated[str, Depends(token_of)]  # noqa: N806

    @router.get("/rate")
    async def any_page() -> HTMLResponse:
        return rate_page()

    @router.get("/rate/{study}")
    async def page(study: str) -> HTMLResponse:
        """Answer without the database where it is slow: in English, and in no frame but this site's own."""
        found: tuple[tuple[str, ...], PageWords] = known.get(study, ((), PageWords()))
        if study not in known and not sessions.db.read_only:
            with move_on_after(SECONDS_FOR_PAGE):
                found = await to_thread.run_sync(sessions.page_of, study[:64], abandon_on_cancel=True)
                if found != ((), PageWords()):
                    known[study] = found
        return rate_page(*found)

    @api.post("/begin")
    def begin(body: BeginBody, request: Request, user_agent: Annotated[str, Header()] = "") -> Response:
        address = address_of(request)
        hit(of_beginning, "begin", address)
        visitor = arrival_of(body.query, user_agent, body.nonce, address)
        token, view = sessions.begin(body.study, visitor, clock())
        return _json({"token": token, "view": view})

    @api.get("/words/{study}")
    def words(study: Annotated[str, PathParameter(max_length=64)], request: Request) -> Response:
        hit(of_beginning, "words", address_of(request))
        return _json(sessions.words(study))

    @api.post("/resume")
    def resume(body: ResumeBody, request: Request) -> Response:
        hit(of_codes, "resume", address_of(request))
        token, view = sessions.resume(body.code, clock())
        return _json({"token": token, "view": view, "words": sessions.words_of(token)})

    @api.get("/view")
    def view(token: Token) -> Response:
        return _json(sessions.view(token, clock()))

    @api.post("/answer")
    def answer(token: Token, body: dict[str, Any]) -> Response:
        return _json(sessions.answer(token, body, clock()))

    @api.post("/heard")
    def heard(token: Token, body: PlaybackBody) -> Response:
        sessions.heard(token, body.trial, body.playback, clock())
        return _json({"noted": True})

    @api.post("/rating")
    def rating(token: Token, body: RatingBody) -> Response:
        others = {other.trial: other.playback for other in body.others}
        given = TrialAnswer(body.trial, body.scale, body.value, body.nonce, body.playback, others)
        return _json(sessions.rate(token, given, clock()))

    @api.post("/finish")
    def finish(token: Token, body: FinishBody) -> Response:
        signs = PageSigns(**body.signs.model_dump()) if body.signs else None
        return _json(sessions.finish_trial(token, body.trial, clock(), signs))

    @api.get("/audio/{sound}")
    def audio(token: Token, sound: str) -> Response:
        made = sessions.sound(token, sound, clock())
        return Response(made.content, media_type=made.media_type, headers=SAFE_HEADERS)

    @api.post("/decline")
    def decline(token: Token) -> Response:
        return _json({"ending": sessions.decline(token, clock())})

    @api.post("/withdraw")
    def withdraw(token: Token) -> Response:
        sessions.withdraw(token, clock())
        return _json({"deleted": True})

    router.include_router(api, prefix=API)
    return router


def _json(content: Any) -> JSONResponse:
    return JSONResponse(content, headers=SAFE_HEADERS)
