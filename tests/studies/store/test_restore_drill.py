"""A machine whose disk is wiped: what raters gave comes back from the Hub, by HTTP and `huggingface_hub` itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants
from sqlalchemy import select

from tests.hub_stand_in import TOKEN, Hub, hub_stand_in
from tests.rating_study import add_study, design
from tests.studies.store.samples import make_rater, make_study, rate
from undertone.studies.store import StorageLocations, StoreError, open_database
from undertone.studies.store.hub import HubCopy
from undertone.studies.store.tables import Rating, Stimulus

REPOSITORY = "ada/voices-ratings"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the stand-in has LFS alone
    with hub_stand_in() as hub:
        yield hub


def copy_of(hub: Hub, places: StorageLocations, token: str = TOKEN) -> HubCopy:
    return HubCopy(REPOSITORY, places, every_minutes=60, api=HfApi(endpoint=hub.url, token=token))


def test_ratings_and_sounds_outlive_the_machine(hub: Hub, tmp_path: Path) -> None:
    places = StorageLocations(tmp_path / "space", f"sqlite:///{tmp_path / 'space' / 'studies.sqlite'}")
    with open_database(places, copy_of(hub, places)) as db:
        number = add_study(db, places.media, design())
        study, stimuli = make_study(db)
        sample = make_rater(db, study, stimuli)
        rate(db, sample, sample.trials[0], 4)
    dataset = hub.repositories[f"datasets/{REPOSITORY}"]
    assert dataset.private
    assert {name.split("/")[0] for name in dataset.files} == {"backups", "events", "media"}  # and no key
    sounds = {path.name: path.read_bytes() for path in places.media_of(number).iterdir()}
    shutil.rmtree(places.data)  # the Space starts again
    with open_database(places, copy_of(hub, places)) as db:
        assert not db.read_only, db.paused_because
        with db.reading() as transaction:
            assert [rating.value for rating in transaction.scalars(select(Rating))] == [4]
            paths = set(transaction.scalars(select(Stimulus.path).where(Stimulus.study_id == number)))
        assert {name: (places.media_of(number) / name).read_bytes() for name in paths} == sounds


def test_with_a_token_that_may_not_read_nothing_begins_empty(hub: Hub, tmp_path: Path) -> None:
    places = StorageLocations(tmp_path / "space", f"sqlite:///{tmp_path / 'space' / 'studies.sqlite'}")
    with pytest.raises(StoreError, match="Check the network and the token"):
        copy_of(hub, places, token="hf_" + "b" * 34).fetch()
    with open_database(places, copy_of(hub, places, token="hf_" + "b" * 34)) as db:
        assert db.read_only
