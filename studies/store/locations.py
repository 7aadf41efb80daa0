"""Where studies live on disk: outside the checkout and outside every folder that the web server can serve."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from undertone.studies.store.errors import StoreError

DATA_VARIABLE = "UNDERTONE_DATA"
URL_VARIABLE = "UNDERTONE_DATABASE"


@dataclass(frozen=True)
class StorageLocations:
    """Folders and database URL of one installation."""

    data: Path
    url: str

    @classmethod
    def default(cls) -> "StorageLocations":
        """Return the places named by `UNDERTONE_DATA` (a folder) and `UNDERTONE_DATABASE` (a URL), both optional."""
        given = os.environ.get(DATA_VARIABLE)
        return cls.at(Path(given) if given else _home() / ".local" / "share" / "undertone" / "studies")

    @classmethod
    def at(cls, data: Path) -> "StorageLocations":
        """Return everything under one folder; the database too, unless `UNDERTONE_DATABASE` names another."""
        data = data.expanduser().resolve()
        return cls(data, os.environ.get(URL_VARIABLE) or f"sqlite:///{data / 'studies.sqlite'}")

    @property
    def media(self) -> Path:
        """Return the folder of sounds, `<study id>/<stimulus id>.flac`."""
        return self.data / "media"

    @property
    def events(self) -> Path:
        """Return the folder of the log's copy, one JSONL file per process start."""
        return self.data / "events"

    @property
    def backups(self) -> Path:
        """Return the folder of the database's snapshots."""
        return self.data / "backups"

    @property
    def protected(self) -> tuple[Path, ...]:
        """Return what only the studies may open: the data folder, and a SQLite file that lies elsewhere."""
        name = make_url(self.url).database if self.url.startswith("sqlite") else None
        if not name or name == ":memory:":
            return (self.data,)
        file = Path(name).resolve()
        beside = [file.with_name(file.name + ending) for ending in ("-wal", "-shm", "-journal")]
        return (self.data, file, *beside)

    def media_of(self, study_id: str) -> Path:
        """Return the folder of one study's sounds."""
        return self.media / study_id


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:  # a container's user may be a number without a name
        raise StoreError(
            f"this user has no home in which studies could be kept. Name a folder: --data or {DATA_VARIABLE}."
        ) from error
