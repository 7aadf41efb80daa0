"""A server starts with everything that was stored, or paused; it never starts empty over a copy."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from huggingface_hub import HfApi
from sqlalchemy import select

from tests.postgresql import SUPERUSER, url_of
from tests.rating_study import add_study, design
from tests.studies.store.samples import Sample, make_rater, make_study, rate
from undertone.studies.store import Database, StorageLocations, StoreError, open_database
from undertone.studies.store.backup import snapshots
from undertone.studies.store.hub import HubCopy
from undertone.studies.store.tables import Rating, Study


class FolderHub(HfApi):
    """A Hub of one dataset that is a folder on this disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.private: list[bool | None] = []
        self.squashed = 0
        self.down = False

    def create_repo(self, repo_id: str, *, private: bool | None = None, **_: Any) -> Any:
        if self.down:
            raise ConnectionError("the Hub is down")
        self.private.append(private)
        self.folder.mkdir(parents=True, exist_ok=True)
        return type("Url", (), {"repo_id": repo_id})

    def list_repo_files(self, *_: Any, **__: Any) -> list[str]:
        return [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]

    def snapshot_download(self, *_: Any, local_dir: str, **__: Any) -> str:
        return str(shutil.copytree(self.folder, local_dir, dirs_exist_ok=True))

    def create_commit(self, *_: Any, operations: Any, **__: Any) -> Any:
        for operation in operations:
            path = self.folder / operation.path_in_repo
            path.parent.mkdir(parents=True, exist_ok=True)
            with operation.as_file() as file:
                path.write_bytes(file.read())

    def super_squash_history(self, *_: Any, **__: Any) -> None:
        self.squashed += 1


def places_in(folder: Path) -> StorageLocations:
    return StorageLocations(folder, f"sqlite:///{folder / 'studies.sqlite'}")


def hub_of(api: FolderHub, places: StorageLocations) -> HubCopy:
    return HubCopy("lab/ratings", places, every_minutes=60, api=api)


def rated(db: Database) -> int:
    with db.reading() as session:
        return len(session.scalars(select(Rating)).all())


def a_session(db: Database) -> Sample:
    study, stimuli = make_study(db)
    sample = make_rater(db, study, stimuli)
    rate(db, sample, sample.trials[0], 4)
    return sample


def test_a_first_start_is_empty_and_the_last_moment_is_in_a_snapshot(tmp_path: Path) -> None:
    places = places_in(tmp_path / "data")
    with open_database(places) as db:
        assert not db.read_only
        a_session(db)
    assert len(snapshots(places.backups)) == 1
    with open_database(places) as db:
        assert rated(db) == 1


def test_a_wiped_database_comes_back_from_the_snapshot_and_the_log(tmp_path: Path) -> None:
    places = places_in(tmp_path / "data")
    with open_database(places) as db:
        sample = a_session(db)
    with open_database(places) as db:
        rate(db, sample, sample.trials[1], 4)
        for path in places.data.glob("studies.sqlite*"):
            path.unlink()
        (places.backups / "latest.sqlite").unlink()
        kept = snapshots(places.backups)
    for path in snapshots(places.backups):
        if path not in kept:
            path.unlink()
    with open_database(places) as db:
        assert not db.read_only
        assert rated(db) == 2


def test_a_failed_restore_starts_paused_and_leaves_every_copy_alone(tmp_path: Path) -> None:
    places, api = places_in(tmp_path / "data"), FolderHub(tmp_path / "hub")
    with open_database(places, hub_of(api, places)) as db:
        a_session(db)
    good = {name: (api.folder / name).read_bytes() for name in api.list_repo_files()}
    assert {name.split("/")[0] for name in good} == {"events", "backups"}
    (journal,) = [name for name in good if name.startswith("events")]
    broken = good[journal].replace(b'"previous"', b'"previous', 1)
    (api.folder / journal).write_bytes(broken)

    fresh = places_in(tmp_path / "fresh")
    with open_database(fresh, hub_of(api, fresh), snapshot_minutes=0.0001) as db:
        assert db.read_only
        assert "damaged" in pause_reason(db)
        with pytest.raises(StoreError, match="study paused"), db.session() as session:
            session.add(Study(name="x", title="x", definition={}, definition_hash="", seed=0))
    assert {name: (api.folder / name).read_bytes() for name in api.list_repo_files()} == {**good, journal: broken}
    assert snapshots(fresh.backups) == []

    (api.folder / journal).write_bytes(good[journal])  # mended: the same folder now starts as it should
    with open_database(fresh, hub_of(api, fresh)) as db:
        assert (db.read_only, rated(db)) == (False, 1)


def test_a_hub_that_cannot_be_asked_pauses_a_new_machine_but_not_one_that_has_its_data(tmp_path: Path) -> None:
    places, api = places_in(tmp_path / "data"), FolderHub(tmp_path / "hub")
    with open_database(places, hub_of(api, places)) as db:
        a_session(db)
    api.down = True
    fresh = places_in(tmp_path / "fresh")
    with open_database(fresh, hub_of(api, fresh)) as db:
        assert db.read_only
        assert "cannot be fetched" in pause_reason(db)
    assert snapshots(fresh.backups) == []
    with open_database(places, hub_of(api, places)) as db:
        assert (db.read_only, rated(db)) == (False, 1)


def test_what_is_uploaded_is_private_and_has_no_history(tmp_path: Path) -> None:
    places, api = places_in(tmp_path / "data"), FolderHub(tmp_path / "hub")
    (places.data / "media" / "study").mkdir(parents=True)
    (places.data / "media" / "study" / "x.flac").write_bytes(b"sound")
    (places.data / "secret").write_text("the key that signs tokens")
    with open_database(places, hub_of(api, places)) as db:
        a_session(db)
    assert set(api.private) == {True}
    assert api.squashed > 0
    kinds = sorted(Path(name).suffix for name in api.list_repo_files())
    assert kinds == [".flac", ".jsonl", ".sqlite"]  # neither the secret nor the database in use


def test_nothing_is_uploaded_unless_a_dataset_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERTONE_BACKUP_REPO", raising=False)
    monkeypatch.setattr(HubCopy, "__init__", lambda *_: pytest.fail("no copy was asked for"))
    with open_database(places_in(tmp_path / "data")) as db:
        a_session(db)


def test_a_damaged_database_in_use_is_paused_and_not_touched(tmp_path: Path) -> None:
    places = places_in(tmp_path / "data")
    with open_database(places) as db:
        a_session(db)
    path = places.data / "studies.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:20480] = bytes(16384)
    path.write_bytes(content)
    with open_database(places, retry_seconds=0.05) as db:
        assert db.read_only
        assert "damaged" in pause_reason(db)
        with pytest.raises(StoreError, match="nothing can be read"), db.reading():
            pass
        time.sleep(0.3)
        assert path.read_bytes() == bytes(content)
        assert len(snapshots(places.backups)) == 1
        path.unlink()  # put away: what was stored comes back from the copies
        wait_until_ready(db)
        assert rated(db) == 1


def pause_reason(db: Database) -> str:
    """What a write is refused with."""
    with pytest.raises(StoreError, match="study paused") as caught, db.session() as session:
        session.add(Study(name="x", title="x", definition={}, definition_hash="", seed=0))
    return str(caught.value)


def wait_until_ready(db: Database) -> None:
    for _ in range(600):
        if not db.read_only:
            return
        time.sleep(0.05)
    raise AssertionError(f"still paused: {pause_reason(db)}")


def test_postgresql_that_is_not_up_yet_pauses_the_start_until_it_is(postgresql: Path, tmp_path: Path) -> None:
    with psycopg.connect(host=str(postgresql), user=SUPERUSER, dbname="postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE late TEMPLATE template0")
    link = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp")) / "s"  # the server is there when the link is
    places = StorageLocations(tmp_path / "data", url_of(link, "late"))
    with open_database(places, retry_seconds=0.05) as db:
        assert db.read_only
        assert "cannot be reached" in pause_reason(db)
        link.symlink_to(postgresql)
        wait_until_ready(db)
        a_session(db)
        assert rated(db) == 1


def test_missing_sounds_of_an_open_study_pause_it_until_they_are_back(tmp_path: Path) -> None:
    places = places_in(tmp_path / "data")
    with open_database(places) as db:
        add_study(db, places.media, design())
    places.media.rename(tmp_path / "away")
    with open_database(places, retry_seconds=0.05) as db:
        assert "sounds are missing" in pause_reason(db)
        with db.reading() as session:  # what is stored is whole
            assert session.scalars(select(Study)).all()
        (tmp_path / "away").rename(places.media)
        wait_until_ready(db)


@pytest.mark.parametrize("how", ["another database's", "a file", "newer than the database"])
def test_a_log_that_does_not_belong_to_the_database_pauses_the_start(tmp_path: Path, how: str) -> None:
    places, other = places_in(tmp_path / "data"), places_in(tmp_path / "other")
    for one in (other, places):
        with open_database(one) as db:
            sample = a_session(db)
    old = (places.data / "studies.sqlite").read_bytes()
    with open_database(places) as db:
        rate(db, sample, sample.trials[1], 4) if how.startswith("newer") else None
    if how == "newer than the database":
        (places.data / "studies.sqlite").write_bytes(old)
    else:
        places.events.rename(tmp_path / "away")
        other.events.rename(places.events) if how.startswith("another") else places.events.write_text("")
    with open_database(places, retry_seconds=0.05) as db:
        assert db.read_only
        assert "log's copy" in pause_reason(db)
        if how != "newer than the database":
            places.events.rename(tmp_path / "wrong")
            (tmp_path / "away").rename(places.events)
            wait_until_ready(db)
