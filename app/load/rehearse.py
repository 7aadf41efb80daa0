"""A rehearsal from its study to its numbers."""

import asyncio
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import soundfile
from sqlalchemy import select

from undertone.app.auth.api_keys import create_api_key
from undertone.app.load.measured import CrowdMeasures
from undertone.app.load.people import Rehearsal, hold_connection, play_rater, play_visitor
from undertone.engine import UndertoneError
from undertone.studies import build_study, make_study, set_status
from undertone.studies.design import StudyFile
from undertone.studies.store import Database, StorageLocations, migrate
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Rating

STUDY = "rehearsal"
START_SECONDS = 300.0
SETTLE_SECONDS = 2.0  # after the last request, until what is left is counted


class LoadError(UndertoneError):
    """A rehearsal that cannot be held; the text says why."""


@dataclass(frozen=True)
class Crowd:
    """Who comes.

    Attributes:
        idle, slow: connections that say nothing, or a byte a second.
        clip_seconds: of what raters hear, or less where the recording is shorter.
        minutes: for how long.
        speech_seconds: of every continuation.
    """

    raters: int = 50
    visitors: int = 10
    idle: int = 0
    slow: int = 0
    minutes: float = 10.0
    clip_seconds: float = 8.0
    speech_seconds: float = 5.0


def rehearse(bundle: str, clip: Path, crowd: Crowd) -> dict[str, Any]:
    """Hold a rehearsal on this machine and return its numbers.

    Args:
        bundle: folder or Hub id.
        clip: a recording of a few seconds, for the study and the visitors.
    Raises:
        LoadError: the server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="undertone-load-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        places = StorageLocations.at(folder / "data")
        keys, study, heard = _prepare(places, clip, folder, crowd)
        measured = CrowdMeasures()
        with _server(bundle, places, folder) as url:
            until = time.monotonic() + 60 * crowd.minutes
            rehearsal = Rehearsal(url, study, clip, heard, keys, crowd.speech_seconds, until)
            asyncio.run(_play(rehearsal, crowd, measured))
            time.sleep(SETTLE_SECONDS)
            left = sum(path.stat().st_size for path in (folder / "tmp").rglob("*") if path.is_file())
        return measured.summary(_lost(places, measured), left)


async def _play(rehearsal: Rehearsal, crowd: Crowd, measured: CrowdMeasures) -> None:
    people = itertools.count()
    await asyncio.gather(
        *(play_rater(rehearsal, measured, next(people)) for _ in range(crowd.raters)),
        *(play_visitor(rehearsal, measured, next(people), key) for key in rehearsal.keys),
        *(hold_connection(rehearsal, next(people), slow=False) for _ in range(crowd.idle)),
        *(hold_connection(rehearsal, next(people), slow=True) for _ in range(crowd.slow)),
    )


def _prepare(places: StorageLocations, clip: Path, folder: Path, crowd: Crowd) -> tuple[tuple[str, ...], str, float]:
    """Make a study of the clip's beginning and a key for each visitor.

    Returns:
        the keys' secrets, the study's id, and the seconds of its clips.
    """
    waveform, rate = soundfile.read(clip, dtype="float32", always_2d=True)
    seconds = min(crowd.clip_seconds, len(waveform) / rate)
    recordings = folder / "recordings"
    for name in ("first", "second"):
        (recordings / name).mkdir(parents=True)
    names = [f"prompt{number}" for number in range(8)]
    for number, name in enumerate(names):
        part = waveform[: round(seconds * rate), 0] * (1 - number / 100)
        for system in ("first", "second"):
            soundfile.write(recordings / system / f"{name}.wav", part, rate)
    db = Database(places.url, places.events)
    try:
        migrate(db)
        make_study(db, StudyFile.model_validate(_definition(recordings, names, seconds)))
        build_study(db, STUDY, places, device="cpu")
        set_status(db, STUDY, "open", places, actor="rehearsal")
        with db.reading() as transaction:
            study = find_study(transaction, STUDY).id
        keys = tuple(create_api_key(db, f"visitor-{one}", "100000/minute") for one in range(crowd.visitors))
        return keys, study, seconds
    finally:
        db.close()


def _definition(recordings: Path, names: list[str], seconds: float) -> dict[str, Any]:
    systems = [{"name": name, "source": {"kind": "folder", "folder": str(recordings / name)}}
               for name in ("first", "second")]  # fmt: skip
    return {
        "name": STUDY,
        "title": "A rehearsal",
        "systems": systems,
        "prompts": {
            "items": [{"name": name, "audio": str(recordings / "first" / f"{name}.wav")} for name in names],
            "prompt_seconds": seconds / 2,
            "continuation_seconds": seconds / 2,
        },
        "preparation": {"heard": "whole"},
        "scales": ["naturalness", "meaningfulness"],
        "sections": [
            {"kind": "consent", "text": "A rehearsal.", "version": "1"},
            {"kind": "rating"},
            {"kind": "debrief", "text": "Thank you."},
        ],
        "allocation": {"trials_per_session": 8, "raters_per_stimulus": 100_000},
        "folder": str(recordings),
    }


@contextmanager
def _server(bundle: str, places: StorageLocations, folder: Path) -> Iterator[str]:
    """Run a server whose model is loaded; yields its address. Raises LoadError."""
    temporary = folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "undertone", "serve", "--port", "0", "--bundle", bundle, "--api", "keys"]
    environment = {**os.environ, "TMPDIR": str(temporary), "UNDERTONE_DATABASE": ""}
    server = subprocess.Popen(
        [*command, "--data", str(places.data)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        found = re.search(r"http://localhost:\d+", server.stdout.readline())
        if found is None:
            raise LoadError("the server does not start; the lines above say why.")
        url = found[0].replace("localhost", "127.0.0.1")
        until = time.monotonic() + START_SECONDS
        while httpx.get(f"{url}/readyz", timeout=30).json()["model"] != "ready":
            if time.monotonic() > until or server.poll() is not None:
                raise LoadError("the model is not loaded; the lines above say why.")
            time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait()


def _lost(places: StorageLocations, measured: CrowdMeasures) -> int:
    """Return how many acknowledged ratings the database does not have."""
    db = Database(places.url)
    try:
        with db.reading() as transaction:
            kept = set(transaction.scalars(select(Rating.nonce)))
    finally:
        db.close()
    return len(measured.acknowledged - kept)
