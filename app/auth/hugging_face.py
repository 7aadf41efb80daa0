"""Sign-in with a Hugging Face account on a Space that offers it (`hf_oauth: true` in its README)."""

import os
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.middleware.sessions import SessionMiddleware

from undertone.app.asgi.plain_page import problem_page
from undertone.app.asgi.root_path import site_path
from undertone.app.auth.passphrases import NO_PASSPHRASE
from undertone.app.auth.sign_in import PATH, Admin, SignIn, local_path
from undertone.studies.store.tables import AdminUser

if TYPE_CHECKING:
    from authlib.integrations.starlette_client import OAuth

_NEEDED = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OPENID_PROVIDER_URL")  # a Space sets all three


def is_configured(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether this machine is a Space with sign-in switched on."""
    return all(environment.get(name) for name in _NEEDED)


def add_hugging_face(app: FastAPI, sign_in: SignIn, environment: Mapping[str, str] = os.environ) -> "OAuth":
    """Add the routes and the short-lived cookie that carries the state of one sign-in.

    The owner of the Space comes in as admin; anybody else needs a row named `hf:NAME`, see
    `undertone.app.auth.passphrases.add_admin`.
    """
    from authlib.integrations.starlette_client import OAuth  # only loaded on a Space

    oauth = OAuth()
    oauth.register(
        name="huggingface",
        client_id=environment["OAUTH_CLIENT_ID"],
        client_secret=environment["OAUTH_CLIENT_SECRET"],
        client_kwargs={"scope": environment.get("OAUTH_SCOPES", "openid profile")},
        server_metadata_url=f"{environment['OPENID_PROVIDER_URL']}/.well-known/openid-configuration",
    )
    app.add_middleware(
        SessionMiddleware,
        secret_key=secrets.token_urlsafe(32),
        session_cookie="undertone_oauth",
        max_age=600,
        same_site="lax",
        https_only=True,
    )
    app.include_router(_router(oauth, sign_in, environment))
    return oauth


def _router(oauth: "OAuth", sign_in: SignIn, environment: Mapping[str, str]) -> APIRouter:
    from authlib.integrations.base_client.errors import OAuthError

    router = APIRouter(include_in_schema=False)
    owner = environment.get("SPACE_AUTHOR_NAME")

    @router.get(f"{PATH}/hugging-face")
    async def redirect_to_hugging_face(request: Request, next: str = "/results") -> Any:
        request.session["next"] = local_path(next)
        back = request.url_for("hugging_face_callback")
        back = back.replace(path=site_path(back.path))
        if host := environment.get("SPACE_HOST"):  # what the Space is called outside; no header has to be believed
            back = back.replace(scheme="https", netloc=host)
        return await oauth.huggingface.authorize_redirect(request, str(back))

    @router.get(f"{PATH}/hugging-face/back", name="hugging_face_callback")
    async def finish_sign_in(request: Request) -> Any:
        try:
            token = await oauth.huggingface.authorize_access_token(request)
        except OAuthError as error:
            request.session.clear()
            return problem_page(
                "Sign-in did not work", f"Hugging Face says: {error.error}. Try again.", site_path(PATH)
            )
        account = str(token["userinfo"]["preferred_username"])
        admin = admin_of_account(sign_in, account, owner)
        if admin is None:
            text = f"The account {account} may not see the results. Ask an admin to add hf:{account}."
            return problem_page("Not allowed", text, site_path(PATH), status=403)
        response = RedirectResponse(local_path(request.session.pop("next", "/results")), status_code=303)
        sign_in.start_session(response, admin, request, how="Hugging Face")
        return response

    return router


def admin_of_account(sign_in: SignIn, account: str, owner: str | None) -> Admin | None:
    """Return the admin or reader of an account, None where it is neither; the owner of the Space becomes an admin."""
    name = f"hf:{account}"
    with sign_in.db.session() as transaction:
        user = transaction.get(AdminUser, name)
        if user is None and owner is not None and account == owner:
            user = AdminUser(name=name, role="admin", passphrase_hash=NO_PASSPHRASE)
            transaction.add(user)
            sign_in.db.log(transaction, "admin.saved", {"name": name, "role": "admin"}, actor="server")
        if user is not None:
            return Admin(user.name, user.role)
    sign_in.log.log_refusal(None, "unknown account of Hugging Face")
    return None
