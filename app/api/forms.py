"""Bodies of the HTTP API: forms with recordings, read within limits before anything else sees them."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from undertone.app.guard.bodies import check_length, check_shape, chunks
from undertone.app.guard.limits import RequestLimits
from undertone.app.guard.refusal import RefusedError

MOST_BYTES = 26_000_000  # a file of 25 MB and its fields
FIELD_BYTES = 100_000
_MOST_FIELDS = 32
_JSON_FIELDS = ("edit", "latents", "durations")
TOO_LARGE = "The recordings are larger than 25 MB together. Cut them, or send flac, opus or mp3."
NO_FORM = "Send a form (multipart/form-data) whose field `file` is the recording."


@dataclass(frozen=True)
class ApiForm:
    """What a form held.

    Attributes:
        files: by field.
        values: texts by field; those that are JSON are read.
    """

    files: dict[str, UploadFile]
    values: dict[str, Any]

    def file(self, name: str = "file") -> UploadFile:
        """Return the recording of a field. Raises RefusedError."""
        if name not in self.files:
            raise RefusedError(422, NO_FORM if name == "file" else f"Send a recording in the field {name}.")
        return self.files[name]


@asynccontextmanager
async def read_form(request: Request, limits: RequestLimits = RequestLimits()) -> AsyncGenerator[ApiForm, None]:
    """Yield a form, whose files are open while the block runs.

    Raises:
        RefusedError: it is none, too large, too slow or has a field twice.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RefusedError(415, NO_FORM)
    check_length(request.headers.get("content-length"), MOST_BYTES, TOO_LARGE)
    body = chunks(request.receive, MOST_BYTES, limits.body_seconds, TOO_LARGE)
    parser = MultiPartParser(
        request.headers, body, max_files=3, max_fields=_MOST_FIELDS, max_part_size=FIELD_BYTES
    )  # fmt: skip
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise RefusedError(400, NO_FORM) from None
    try:
        files: dict[str, UploadFile] = {}
        values: dict[str, Any] = {}
        for name, value in form.multi_items():
            if name in files or name in values:
                raise RefusedError(400, "A field came twice. Send each once.")
            if isinstance(value, UploadFile):
                files[name] = value
            else:
                values[name] = _json(name, value, limits) if name in _JSON_FIELDS else value
        yield ApiForm(files, values)
    finally:
        await form.close()


def _json(name: str, text: str, limits: RequestLimits) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(422, f"The field {name} must be JSON.") from None
    check_shape(value, limits)
    return value
