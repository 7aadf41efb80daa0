"""The site as a server: pages build, nothing points outside, nothing is recorded."""

import re
import time

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from undertone.app.shared.context import Context
from undertone.app.shared.model_queue import MAX_WAITING
from undertone.app.site.application import PAGES, Page, build_page, create_app, header_html
from undertone.engine import Engine


@pytest.fixture(scope="module")
def context(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Of all tests here: they only look at what is built, for seconds each time."""
    return Context(engine, tmp_path_factory.mktemp("site") / "visits")


@pytest.fixture(scope="module")
def blocks(context: Context) -> gr.Blocks:
    return build_page(context, PAGES[0], PAGES)


@pytest.fixture(scope="module")
def client(context: Context) -> TestClient:
    return TestClient(create_app(context))


def test_the_page_is_served_with_its_title(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "Undertone" in response.text


def test_a_shared_link_shows_the_pages_own_name_and_words(client: TestClient) -> None:
    for path, title in (("/", "Continue · Undertone"), ("/prosody/", "Prosody · Undertone")):
        page = client.get(path).text
        tags = re.findall(r'<meta (?:property|name)="(?:og|twitter):[^>]*>', page)
        assert f'<meta property="og:title" content="{title}" />' in tags
        assert len(tags) == len(set(tags)) == 7
        assert not any("radio" in tag or "{" in tag or "http" in tag for tag in tags)


def test_neither_theme_nor_style_fetch_anything_from_elsewhere(client: TestClient) -> None:
    config = client.get("/config").json()
    assert config["stylesheets"] == []
    assert not re.search(r"https?://", config["css"] or "")
    assert "fonts.googleapis" not in client.get("/theme.css").text


def test_analytics_run_history_and_api_pages_are_off(blocks: gr.Blocks, client: TestClient) -> None:
    assert not blocks.analytics_enabled
    config = client.get("/config").json()
    assert config["footer_links"] == []
    assert not config.get("run_history")


def test_no_event_is_offered_as_an_api(blocks: gr.Blocks) -> None:
    shown = [fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public" and fn.fn is not None]
    assert shown == []


def test_only_the_model_waits_in_the_model_queue(blocks: gr.Blocks) -> None:
    heavy = [fn for fn in blocks.fns.values() if fn.concurrency_id == "model"]
    assert {fn.fn.__name__ for fn in heavy if fn.fn is not None} == {"work"}
    assert {fn.concurrency_limit for fn in heavy} == {MAX_WAITING}


def test_more_pages_get_a_navigation_and_their_own_path(context: Context) -> None:
    pages = (*PAGES, Page("/other", "Other", lambda context: None))
    client = TestClient(create_app(context, pages))
    assert client.get("/").status_code == client.get("/other/").status_code == 200
    assert 'href="/other"' in header_html(pages[0], pages)
    assert "<nav" not in header_html(PAGES[0], PAGES[:1])


def test_building_the_site_takes_seconds(context: Context) -> None:
    began = time.monotonic()
    create_app(context)
    assert time.monotonic() - began < 10


def test_nothing_is_overwritten_after_the_page_has_come(blocks: gr.Blocks) -> None:
    """An event at loading would undo what a quick visitor has already entered."""
    assert [fn.name for fn in blocks.fns.values() if any(event == "load" for _, event in fn.targets)] == []
