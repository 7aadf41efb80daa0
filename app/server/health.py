"""Whether the server lives and whether it is ready, asked by whatever keeps it running: `/healthz` and `/readyz`."""

from typing import Literal, Protocol

import anyio
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import select

from undertone.studies.store import Database, StoreError

ANSWER_SECONDS = 3.0  # for the database; a locked one is busy with raters, not gone
ModelState = Literal["loading", "ready", "stopped"]
_HEADERS = {"Cache-Control": "no-store"}


class HasModel(Protocol):
    """The playground, as far as its state goes."""

    @property
    def state(self) -> ModelState:
        """Return whether the model is being loaded, answers, or is waiting to be started again."""
        ...


def health_router(db: Database, playground: HasModel) -> APIRouter:
    """Return the two routes. They tell nothing of what the studies hold, so anybody may ask."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def lives() -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers=_HEADERS)

    @router.get("/readyz")
    async def is_ready() -> JSONResponse:
        studies, model = await _studies(db), playground.state
        ready = studies == "open" and model != "stopped"
        return JSONResponse({"studies": studies, "model": model}, 200 if ready else 503, headers=_HEADERS)

    return router


async def _studies(db: Database) -> str:
    """Return "open" where the database can be asked and takes answers, "paused" or "closed"."""
    if db.read_only:
        return "paused"
    answered = False
    with anyio.move_on_after(ANSWER_SECONDS):
        answered = await anyio.to_thread.run_sync(_answers, db, abandon_on_cancel=True)
    return "open" if answered else "closed"


def _answers(db: Database) -> bool:
    try:
        with db.reading() as transaction:
            return transaction.scalar(select(1)) == 1
    except StoreError:
        return False
