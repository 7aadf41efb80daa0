"""The sign-in page: a form without scripts, and Hugging Face's sign-in where the Space offers it."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.plain_page import plain_page
from app.sign_in import PATH, SignIn, SignInError, local_path, refuse_other_sites


def sign_in_router(sign_in: SignIn, hugging_face: bool = False) -> APIRouter:
    """Routes under `/sign-in` and `/sign-out`.

    Args:
        sign_in: whose people may come in.
        hugging_face: offer that button too (`app.hugging_face` adds its routes).
    """
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    def form(request: Request, next: str = "/results") -> HTMLResponse:
        return _page(local_path(next), name=_name(sign_in, request), hugging_face=hugging_face)

    @router.post(PATH, response_model=None)
    def enter(
        request: Request,
        name: Annotated[str, Form(max_length=200)],
        passphrase: Annotated[str, Form(max_length=1000)],
        next: Annotated[str, Form(max_length=500)] = "/results",
    ) -> HTMLResponse | RedirectResponse:
        refuse_other_sites(request)
        address = request.client.host if request.client else "unknown"
        try:
            admin = sign_in.check(name.strip(), passphrase, address)
        except SignInError as error:
            return _page(local_path(next), problem=str(error), hugging_face=hugging_face, status=401)
        response = RedirectResponse(local_path(next), status_code=303)
        sign_in.admit(response, admin, request, how="passphrase")
        return response

    @router.post("/sign-out")
    def leave(request: Request) -> RedirectResponse:
        refuse_other_sites(request)
        response = RedirectResponse(PATH, status_code=303)
        sign_in.dismiss(response, request)
        return response

    return router


def _name(sign_in: SignIn, request: Request) -> str | None:
    admin = sign_in.who(request)
    return admin.name if admin else None


def _page(
    next_path: str, problem: str = "", name: str | None = None, hugging_face: bool = False, status: int = 200
) -> HTMLResponse:
    note = f'<p class="note note-problem" role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    described = ' aria-describedby="problem" aria-invalid="true"' if problem else ""
    signed_in = (
        f'<form method="post" action="/sign-out"><p class="note note-good" role="status">You are signed in as '
        f'{escape(name)}. <a href="{escape(next_path)}">Go on</a></p><button class="button">Sign out</button></form>'
        if name
        else ""
    )
    other = (
        f'<p><a class="button" href="{PATH}/hugging-face?next={escape(next_path)}">Sign in with Hugging Face</a></p>'
    )
    body = f"""
<main id="main" class="card narrow">
  <h1>Sign in</h1>
  <p class="soft">For the people who run listening studies. Raters need no account: they follow their link.</p>
  {note}{signed_in}
  <form method="post" action="{PATH}">
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
