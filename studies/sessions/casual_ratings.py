"""Quick ratings of a take on the Continue page, stored beside the studies and never part of their numbers."""

import hashlib
import secrets
from datetime import datetime

from undertone.engine import TakeSettings
from undertone.studies.design.errors import DesignError
from undertone.studies.design.scales import SCALES
from undertone.studies.store import Database
from undertone.studies.store.columns import utc_now
from undertone.studies.store.tables import CasualRating

_SALT = secrets.token_bytes(16)  # of this process: a visitor cannot be followed from one start to the next


def rate_casually(
    db: Database, take: TakeSettings, scale: str, value: float, visitor: str | None = None, now: datetime | None = None
) -> None:
    """Save one quick rating.

    Args:
        take: the settings of the take, which make it again.
        scale: name of `SCALES`.
        visitor: whatever tells the visits of one process apart; only its salted hash is kept.
    Raises:
        DesignError: an unknown scale, or a value that is not on it.
        StoreError: it could not be saved.
    """
    if scale not in SCALES:
        raise DesignError(f"unknown scale {scale!r}; known scales: {', '.join(SCALES)}.")
    answer = SCALES[scale].snapped(value)
    if answer is None:
        raise DesignError(f"{value:g} is not an answer on {scale!r}; expected one of {SCALES[scale].values}.")
    with db.session() as session:
        rating = CasualRating(
            bundle_name=take.bundle_name,
            bundle_fingerprint=take.bundle_sha256,
            settings=take.model_dump(mode="json"),
            scale=scale,
            scale_hash=SCALES[scale].hash,
            value=answer,
            visitor_hash=None if visitor is None else hashlib.sha256(_SALT + visitor.encode()).hexdigest()[:16],
            rated_at=now or utc_now(),
        )
        session.add(rating)
        db.log(session, "rated.casually", {"scale": scale, "value": answer}, actor="rater", at=now)
