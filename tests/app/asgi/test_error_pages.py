"""Addresses as people type them: slashes, wrong ones, and the links of every page."""

import re

import pytest
from fastapi.testclient import TestClient

from undertone.app.shared.context import Context
from undertone.app.site.application import PAGES, create_app
from undertone.app.site.studies_site import StudiesSite
from undertone.engine import Engine
from undertone.studies.store import Database, StorageLocations, migrate

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    folder = tmp_path_factory.mktemp("site")
    places = StorageLocations.at(folder / "data")
    db = Database(places.url, places.events)
    migrate(db)
    studies_site = StudiesSite.open(db, places, folder)
    return TestClient(create_app(Context(engine, folder / "visits", feedback=studies_site), studies_site=studies_site))


def test_every_page_opens_with_and_without_a_slash_at_the_end(client: TestClient) -> None:
    for path in ("/prosody", "/results", "/rate/some-id", "/rate", "/sign-in"):
        for form in (path, f"{path}/", f"{path}?a=1", f"{path}/?a=1"):
            answer = client.get(form, headers=BROWSER)
            assert answer.status_code == 200, form
            assert answer.headers["content-type"].startswith("text/html"), form
    assert "a=1" in str(client.get("/prosody?a=1", headers=BROWSER).url)


def test_a_redirect_names_no_host_so_that_it_holds_behind_any_proxy(client: TestClient) -> None:
    answer = client.get("/prosody?take=x%2Fy", follow_redirects=False)
    assert answer.headers["location"] == "/prosody/?take=x%2Fy"
    assert "location" not in client.get("http://testserver//rate/", follow_redirects=False).headers
    assert client.get("/rate//evil.example/", follow_redirects=False).headers["location"].startswith("/rate/")


def test_the_links_of_every_header_lead_to_pages(client: TestClient) -> None:
    for page in PAGES:
        config = client.get(f"{page.path.rstrip('/')}/config").text
        links = set(re.findall(r'href=\\"(/[^"\\]*)\\"', config))
        assert {"/", "/prosody", "/results"} <= links
        for link in links:
            assert client.get(link, headers=BROWSER).status_code == 200, link


@pytest.mark.parametrize(
    "path", ["/nothing", "/prosody/nothing", "/rate/a/b/c", "/sign-out", "/gradio_api/file=/etc/x"]
)
def test_a_wrong_address_is_answered_in_words_to_a_person_and_as_json_to_a_script(
    client: TestClient, path: str
) -> None:
    page = client.get(path, headers=BROWSER)
    assert page.status_code in (403, 404, 405)
    assert "<h1>" in page.text
    assert "{" not in re.sub(r"<style>.*</style>", "", page.text, flags=re.DOTALL)
    script = client.get(path)
    assert script.status_code == page.status_code
    assert script.headers["content-type"] == "application/json"
