"""The sign-in page: a form without scripts, and Hugging Face's sign-in where the Space offers it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from undertone.app.asgi.framing import is_framed
from undertone.app.asgi.plain_page import plain_page, problem_page
from undertone.app.asgi.root_path import site_path
from undertone.app.auth.attempts import TooManyAttemptsError
from undertone.app.auth.sign_in import PATH, Admin, SignIn, SignInError, local_path, refuse_other_sites
from undertone.studies.store import StoreError

CHECKED_AT_ONCE = 2  # comparing a passphrase takes a core for 0.1 s and 32 MiB


class SignInRoute(APIRoute):
    """Route that answers errors with pages, which never repeat what was typed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors as pages."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError:
                return problem_page(
                    "Sign in",
                    "Fill in both the name and the passphrase, no longer than they are.",
                    site_path(PATH),
                    422,
                )
            except StoreError as error:
                return problem_page("Nobody can sign in now", str(error), site_path(PATH), 503)

        return handle


def sign_in_router(
    sign_in: SignIn, hugging_face: bool = False, sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep
) -> APIRouter:
    """Return the routes under `/sign-in` and `/sign-out`.

    Args:
        sign_in: checks names and passphrases.
        hugging_face: offer that button too (`undertone.app.auth.hugging_face` adds its routes).
        sleep: waits for the delay of an attempt.
    """
    router = APIRouter(include_in_schema=False, route_class=SignInRoute)
    checking = asyncio.Semaphore(CHECKED_AT_ONCE)

    async def check_delayed(name: str, passphrase: str, request: Request) -> Admin:
        """Return the admin of this name and passphrase, after the delay that earlier wrong attempts cause."""
        try:
            attempt = await run_in_threadpool(sign_in.schedule, name, request)
        except TooManyAttemptsError as error:
            sign_in.log.log_refusal(None, "too many tries at once")
            raise error
        await sleep(
            attempt.wait_seconds
        )  # the right passphrase waits too, or the wait would tell that others are wrong
        async with checking:
            return await run_in_threadpool(sign_in.check, name, passphrase, attempt)

    @router.get(PATH)
    def show_form(request: Request, next: str = "/results") -> HTMLResponse:
        return _page(local_path(next), name=_name(sign_in, request), hugging_face=hugging_face)

    @router.post(PATH, response_model=None)
    async def sign_in_with_passphrase(
        request: Request,
        name: Annotated[str, Form(max_length=200)],
        passphrase: Annotated[str, Form(max_length=1000)],
        next: Annotated[str, Form(max_length=500)] = "/results",
    ) -> Response:
        refuse_other_sites(request)
        try:
            admin = await check_delayed(name.strip(), passphrase, request)
        except TooManyAttemptsError as error:
            refusal = _page(local_path(next), problem=str(error), hugging_face=hugging_face, status=429)
            refusal.headers["Retry-After"] = f"{error.wait_seconds:.0f}"
            return refusal
        except SignInError as error:
            return _page(local_path(next), problem=str(error), hugging_face=hugging_face, status=401)
        response = RedirectResponse(local_path(next), status_code=303)
        await run_in_threadpool(sign_in.start_session, response, admin, request, "passphrase")
        return response

    @router.post("/sign-out")
    def sign_out(request: Request) -> RedirectResponse:
        refuse_other_sites(request)
        response = RedirectResponse(PATH, status_code=303)
        sign_in.end_session(response, request)
        return response

    return router


def _name(sign_in: SignIn, request: Request) -> str | None:
    admin = sign_in.current_admin(request)
    return admin.name if admin else None


def _page(
    next_path: str, problem: str = "", name: str | None = None, hugging_face: bool = False, status: int = 200
) -> HTMLResponse:
    note = f'<p class="note note-problem" role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    described = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    here, sign_out = escape(site_path(PATH)), escape(site_path("/sign-out"))
    signed_in = (
        f'<form method="post" action="{sign_out}"><p class="note note-good" role="status">You are signed in as '
        f'{escape(name)}. <a href="{escape(site_path(next_path))}">Go on</a></p>'
        '<button class="button">Sign out</button></form>'
        if name
        else ""
    )
    onwards = f"{here}/hugging-face?next={escape(next_path)}"
    window = ' target="_blank"' if is_framed() else ""  # Hugging Face lies in no frame
    other = f'<p><a class="button" href="{onwards}"{window}>Sign in with Hugging Face</a></p>'
    body = f"""
<main id="main" class="card narrow">
  <h1>Sign in</h1>
  <p class="soft">For the people who run listening studies. Raters need no account: they follow their link.</p>
  {note}{signed_in}
  <form method="post" action="{here}">
    <input type="hidden" name="next" value="{escape(next_path)}">
    <label for="name">Name</label>
    <input id="name" name="name" autocomplete="username" autocapitalize="none" required{described}>
    <label for="passphrase">Passphrase</label>
    <input id="passphrase" name="passphrase" type="password" autocomplete="current-password" required{described}>
    <button class="button primary">Sign in</button>
  </form>
  {other if hugging_face else ""}
</main>"""
    return plain_page("Sign in", body, status=status)
