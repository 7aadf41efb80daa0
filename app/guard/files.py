"""Response with a file for the visitor for whom it was made."""

import mimetypes
from pathlib import Path

from starlette.responses import FileResponse, Response

from undertone.app.guard.headers import FILE_POLICY, add_security_headers

_SHOWN = ("audio/", "image/png", "image/jpeg", "image/webp")  # everything else is saved, never opened by the browser


def file_response(path: str) -> Response:
    """Return the file, in parts where a player asks for them."""
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    shown = kind.startswith(_SHOWN)
    response = FileResponse(
        path,
        media_type=kind if shown else "application/octet-stream",
        filename=Path(path).name,
        content_disposition_type="inline" if shown else "attachment",
    )
    response.headers["Cache-Control"] = "private, no-store"
    add_security_headers(response.headers, policy=FILE_POLICY)
    return response
