"""Signing in without a browser: what the form sends, and time that passes only while an attempt waits."""

from dataclasses import dataclass, field
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from undertone.studies.store import Database
from undertone.studies.store.tables import Event

PASSPHRASE = "four words will do"


SAME_SITE = {"sec-fetch-site": "same-origin"}


@dataclass
class Clock:
    """Time that passes only while a try waits for its turn."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def enter(site: TestClient, name: str = "alice", passphrase: str = PASSPHRASE, **more: Any) -> Any:
    form = {"name": name, "passphrase": passphrase, "next": more.pop("next", "/results")}
    return site.post("/sign-in", data=form, headers={**SAME_SITE, **more})


def kinds(db: Database) -> list[str]:
    with db.reading() as transaction:
        return list(transaction.scalars(select(Event.kind).where(Event.actor == "admin").order_by(Event.id)))


def refusals(db: Database) -> list[dict[str, Any]]:
    with db.reading() as transaction:
        query = select(Event.payload).where(Event.kind == "admin.refused").order_by(Event.id)
        return [dict(payload) for payload in transaction.scalars(query)]
