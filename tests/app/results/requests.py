"""Requests to the Results page by somebody who is signed in, without a browser."""

import gradio as gr
from fastapi import Request

from tests.results_site import ADMIN
from undertone.app.auth.sign_in import COOKIE, Admin
from undertone.app.results.access import ResultsAccess

ADA = Admin(ADMIN, "admin")


SAME_SITE = {"sec-fetch-site": "same-origin"}


def request_of(access: ResultsAccess, name: str | None) -> gr.Request:
    """As Gradio hands it to a handler."""
    cookies = ""
    if name:
        from starlette.responses import Response

        response = Response()
        scope = {"type": "http", "headers": [], "scheme": "http", "method": "POST", "path": "/", "query_string": b""}
        access.sign_in.start_session(response, Admin(name, "reader"), Request(scope), how="test")
        cookies = response.headers["set-cookie"].split(";")[0]
        assert cookies.startswith(COOKIE)
    headers = [(b"cookie", cookies.encode())]
    scope = {"type": "http", "headers": headers, "method": "POST", "path": "/", "query_string": b""}
    return gr.Request(Request(scope))
