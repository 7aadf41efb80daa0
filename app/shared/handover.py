"""A take on its way from the Continue page to the Prosody page, behind a ticket that nobody can guess.

The visitor's Continue visit owns what is handed over; the site holds it weakly, so that it goes when the visitor goes.
"""

import secrets
import weakref
from dataclasses import dataclass, field

from undertone.engine import Take

MOST_OFFERS = 16  # of one visitor; the oldest goes


@dataclass(frozen=True, eq=False)
class HandedTake:
    """A take, and the name that the Prosody page gives it."""

    take: Take
    name: str


@dataclass(frozen=True)
class Handovers:
    """The takes that are on their way, by ticket."""

    _offers: weakref.WeakValueDictionary[str, HandedTake] = field(default_factory=weakref.WeakValueDictionary)

    def offer(self, offers: dict[str, HandedTake], take: Take, name: str) -> str:
        """Return the ticket of a take; the same one when it is offered again.

        Args:
            offers: of the visitor, who keeps them alive.
        """
        for ticket, offered in offers.items():
            if offered.take is take:
                return ticket
        ticket = secrets.token_urlsafe(16)
        offers[ticket] = self._offers[ticket] = HandedTake(take, name)
        if len(offers) > MOST_OFFERS:
            del offers[next(iter(offers))]
        return ticket

    def pick_up(self, ticket: str) -> HandedTake | None:
        """Return what was offered; None where its visitor has gone or the ticket is wrong."""
        return self._offers.get(ticket)
