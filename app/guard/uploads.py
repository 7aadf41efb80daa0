"""Uploads: received within limits, with their progress, into files that only their visitor can name."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from undertone.app.guard.bodies import check_length, chunks
from undertone.app.guard.refusal import RefusedError
from undertone.app.guard.visitors import HANDED, Visitors

_OVERHEAD = 100_000  # headers and borders of a form
_MAX_TRACKED_UPLOADS = 200
_FILE_NAME = re.compile(rb'filename="([^"\r\n]{1,300})"')
NOT_A_FORM = "This upload could not be read. Choose the file again."


@dataclass
class Uploads:
    """Uploads of a site.

    Attributes:
        progress: name of the file and bytes that have come, by the name that the page gave to the upload; None when it
            is over.
    """

    visitors: Visitors
    progress: dict[str, tuple[str, int] | None] = field(default_factory=dict)

    async def receive(self, request: Request, visitor: str) -> Response:
        """Store the files of a form; answers with the names under which the visitor knows them. Raises RefusedError."""
        limits = self.visitors.limits
        most, megabytes = limits.upload_bytes + _OVERHEAD, limits.upload_bytes // 1_000_000
        too_large = f"The file is larger than {megabytes} MB. Cut it, or save it as flac, opus or mp3."
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, NOT_A_FORM)
        check_length(request.headers.get("content-length"), most, too_large)
        upload_id = request.query_params.get("upload_id", "")[:64]
        with self.visitors.upload_slot(visitor):
            try:
                body = self._count_bytes(chunks(request.receive, most, limits.body_seconds, too_large), upload_id)
                parser = MultiPartParser(request.headers, body, max_files=limits.upload_files, max_fields=4)
                form = await parser.parse()
                try:
                    files = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
                    if any((part.size or 0) > limits.upload_bytes for part in files):
                        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large)
                    names = [await self._store(part, visitor) for part in files]
                finally:
                    await form.close()
            except (MultiPartException, KeyError, UnicodeDecodeError):
                raise RefusedError(HTTPStatus.BAD_REQUEST, NOT_A_FORM) from None
            finally:
                self._note(upload_id, None)
        return JSONResponse(names)

    async def _store(self, part: UploadFile, visitor: str) -> str:
        path = self.visitors.allocate_upload(visitor, part.filename or "", part.size or 0)
        await run_in_threadpool(_copy, part, path)
        return f"{HANDED}{str(path)[len(str(self.visitors.root)) :]}"

    async def _count_bytes(self, body: AsyncIterator[bytes], upload_id: str) -> AsyncGenerator[bytes, None]:
        total, name = 0, ""
        async for part in body:
            found = _FILE_NAME.search(part) if not name else None
            name = found[1].decode(errors="replace") if found else name
            total += len(part)
            self._note(upload_id, (name, total))
            yield part

    def _note(self, upload_id: str, done: tuple[str, int] | None) -> None:
        if not upload_id:
            return
        self.progress[upload_id] = done
        if len(self.progress) > _MAX_TRACKED_UPLOADS:
            del self.progress[next(iter(self.progress))]

    def progress_response(self, upload_id: str) -> Response:
        """Return a stream of an upload's progress, in the form that Gradio's pages expect."""
        headers = {"X-Accel-Buffering": "no"}  # nginx would keep it until there is more of it
        return StreamingResponse(self._events(upload_id[:64]), media_type="text/event-stream", headers=headers)

    async def _events(self, upload_id: str) -> AsyncIterator[str]:
        shown = 0
        for waited in range(1200):  # five minutes
            state = self.progress.get(upload_id, ("", 0))
            if state is None or (upload_id not in self.progress and waited > 20):
                break
            name, done = state
            if done > shown:
                update = {"msg": "update", "orig_name": name, "chunk_size": done - shown}
                shown = done
                yield f"data: {json.dumps(update)}\n\n"
            await asyncio.sleep(0.25)
        yield f"data: {json.dumps({'msg': 'done'})}\n\n"


def _copy(part: UploadFile, path: Path) -> None:
    part.file.seek(0)
    with path.open("xb") as file:
        shutil.copyfileobj(part.file, file)
