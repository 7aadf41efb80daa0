"""Clips and downloads go to people who are signed in, and to nobody else."""

import re
from collections.abc import Callable

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from tests.app.results.requests import ADA, SAME_SITE
from tests.judged_study import DESIGN
from tests.results_site import ADMIN, PASSPHRASE, READER
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import COOKIE, SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.app.results import clips_tab
from undertone.app.results.access import ResultsAccess
from undertone.app.results.routes import results_router
from undertone.studies.store import Database, StorageLocations
from undertone.studies.store.tables import Stimulus


def test_clips_are_listed_by_prompt_and_heard_by_people_who_are_signed_in(
    access: ResultsAccess, site: Callable[[str | None], TestClient]
) -> None:
    names = clips_tab.prompt_names(access, "judged")
    assert names == [*(f"p{number}" for number in range(DESIGN.num_prompts)), clips_tab.OTHERS]
    addresses = re.findall(r'src="([^"]+)"', clips_tab.clips_html(access, "judged", "p3"))
    assert len(addresses) == 3
    assert "trap" in clips_tab.clips_html(access, "judged", clips_tab.OTHERS)
    heard = site(READER).get(addresses[0])
    assert (heard.status_code, heard.headers["content-type"], heard.content[:4]) == (200, "audio/flac", b"fLaC")
    assert heard.headers["cache-control"] == "no-store"
    assert site(None).get(addresses[0]).status_code == 401
    for wrong in ("nothing", "..%2f..%2fsecret", "%00"):
        assert site(READER).get(f"/results/clip/{wrong}").status_code == 404


def test_a_clip_outside_the_folder_of_its_study_is_not_served(
    db: Database, places: StorageLocations, site: Callable[[str | None], TestClient]
) -> None:
    (places.data / "secret").write_text("k" * 43)
    with db.session() as transaction:
        stimulus = transaction.scalars(select(Stimulus)).first()
        assert stimulus is not None
        stimulus.path = "../../secret"
    assert site(ADMIN).get(f"/results/clip/{stimulus.id}").status_code == 404


def test_a_file_is_served_only_to_who_asked_for_it_while_they_are_signed_in(
    db: Database, places: StorageLocations
) -> None:
    access = ResultsAccess(SignIn(db, "a secret of the server"), places, places.data / "downloads")
    app = FastAPI()
    app.include_router(sign_in_router(access.sign_in))
    app.include_router(results_router(access))

    def client(name: str | None) -> TestClient:
        made = TestClient(app, follow_redirects=False)
        if name:
            form = {"name": name, "passphrase": PASSPHRASE, "next": "/results"}
            assert made.post("/sign-in", data=form, headers=SAME_SITE).status_code == 303
        return made

    ada, rita, nobody = client(ADMIN), client(READER), client(None)
    path = access.downloads.new_folder() / "studies.sqlite"
    path.write_bytes(b"everything")
    address = access.downloads.offer(path, ADA, "admin")
    served = ada.get(address)
    assert (served.status_code, served.content) == (200, b"everything")
    assert "attachment" in served.headers["content-disposition"]
    assert nobody.get(address).status_code == 401
    page = nobody.get(address, headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"].split("?")[0]) == (303, "/sign-in")
    assert rita.get(address).status_code == 404
    for wrong in (address.replace("studies.sqlite", "x"), "/results/download/x/studies.sqlite", f"{address}/.."):
        assert ada.get(wrong).status_code == 404
    add_admin(db, ADMIN, "reader", PASSPHRASE)  # no admin any more
    again = client(ADMIN)
    assert again.get(address).status_code == 404
    add_admin(db, ADMIN, "admin", PASSPHRASE)
    last = client(ADMIN)
    assert last.get(address).status_code == 200
    cookie = last.cookies[COOKIE]
    last.post("/sign-out", headers=SAME_SITE)
    last.cookies.set(COOKIE, cookie)
    assert last.get(address).status_code == 401
