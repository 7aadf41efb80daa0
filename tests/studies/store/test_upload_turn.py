"""Of servers that share studies one uploads their copy; when it ends, or is lost, another one does."""

from pathlib import Path

from sqlalchemy import text

from tests.studies.store.samples import make_study
from tests.studies.store.test_startup import FolderHub, hub_of
from undertone.studies.store import Database, StorageLocations, open_database
from undertone.studies.store.upload_turn import UploadTurn


def test_one_of_two_has_the_turn_until_it_lets_go(database: Database, tmp_path: Path) -> None:
    places = StorageLocations(tmp_path / "data", database.url)
    other_db = Database(database.url)
    first, second = UploadTurn(database, places), UploadTurn(other_db, places)
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    assert not first.take()
    second.release()
    other_db.close()


def test_a_turn_whose_connection_was_lost_is_asked_for_again(database: Database, tmp_path: Path) -> None:
    if database.is_sqlite:
        return  # a lock on a file is lost with the process alone
    places = StorageLocations(tmp_path / "data", database.url)
    other_db = Database(database.url)
    first, second = UploadTurn(database, places), UploadTurn(other_db, places)
    assert first.take()
    with other_db.engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(f"{others} AND datname = current_database()"))
    assert second.take()
    assert not first.take()
    second.release()
    assert first.take()
    first.release()
    other_db.close()


def test_a_second_server_uploads_nothing_until_the_first_has_ended(tmp_path: Path) -> None:
    places, api = StorageLocations.at(tmp_path / "data"), FolderHub(tmp_path / "hub")
    with open_database(places, hub_of(api, places)) as db:
        make_study(db)
        uploads = api.squashed
        with open_database(places, hub_of(api, places)):
            pass
        assert api.squashed == uploads  # it uploads at its end, if it may
    assert api.squashed > uploads
    uploads = api.squashed
    with open_database(places, hub_of(api, places)) as db:
        make_study(db, "another")
    assert api.squashed > uploads
