"""Routes for the files of the Results page, downloads and clips; every request is checked for its sign-in."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from undertone.app.asgi.plain_page import problem_page
from undertone.app.asgi.root_path import site_path
from undertone.app.results.access import ResultsAccess
from undertone.app.results.downloads import DOWNLOAD
from undertone.studies.store.tables import Stimulus

CLIP = "/results/clip"
_PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


def results_router(access: ResultsAccess) -> APIRouter:
    """Return the routes; include them before the page is mounted at "/results".

    Args:
        access: whose downloads, studies and people these are.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(f"{DOWNLOAD}/{{key}}/{{name}}")
    def download(request: Request, key: str, name: str) -> Response:
        admin = access.sign_in.require_role(request, "reader")
        path = access.downloads.find(key, admin)
        if path is None or path.name != name or not path.is_file():
            text = "This file was made for somebody else, or more than an hour ago. Make it again on the Results page."
            return problem_page("No such file", text, site_path("/results/"), status=404)
        return FileResponse(path, filename=path.name, headers=_PRIVATE)

    @router.get(f"{CLIP}/{{stimulus}}")
    def clip(request: Request, stimulus: str) -> Response:
        access.sign_in.require_role(request, "reader")
        path = _sound(access, stimulus)
        kinds: dict[str, Any] = {".flac": "audio/flac", ".wav": "audio/wav"}
        return FileResponse(path, media_type=kinds.get(path.suffix, "application/octet-stream"), headers=_PRIVATE)

    return router


def _sound(access: ResultsAccess, stimulus_id: str) -> Path:
    """Return the file of a clip. Raises HTTPException 404 where there is none."""
    if stimulus_id.isprintable():  # no database takes a NUL
        with access.db.reading() as transaction:
            stimulus = transaction.get(Stimulus, stimulus_id)
        if stimulus is not None:
            folder = access.places.media_of(stimulus.study_id).resolve()
            path = (folder / stimulus.path).resolve()
            if path.is_relative_to(folder) and path.is_file():
                return path
    raise HTTPException(404, "There is no such clip, or its study was not built here.")
