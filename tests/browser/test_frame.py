"""A Space in a frame of huggingface.co, in a Chromium that refuses other sites' storage in frames.

Both names lead to a real nginx on loopback, whose certificate is its own.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Page, Playwright, expect
from sqlalchemy import func, select

from tests.app.nginx import free_port, needs_nginx, nginx_servers
from tests.app.split_site import SplitSite, split_site
from tests.browser.conftest import FLAGS, NAMES
from tests.rating_study import add_study, design
from undertone.studies.store import Database, StorageLocations, migrate
from undertone.studies.store.tables import Session

CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = [needs_nginx, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]
HUB, SPACE = "huggingface.co", "ada-voices.hf.space"
PASSPHRASE = "four words will do"
SERVERS = """
server {{ listen 127.0.0.1:{port} ssl; server_name {hub}; ssl_certificate {folder}/own.pem; ssl_certificate_key {folder}/own.key;
  default_type text/html;
  location /frame {{ return 200 '<!doctype html><iframe name="space" width="900" height="800" allow="autoplay" src="https://{space}$arg_path"></iframe>'; }}
}}
server {{ listen 127.0.0.1:{port} ssl; server_name {space}; ssl_certificate {folder}/own.pem; ssl_certificate_key {folder}/own.key;
  location / {{ proxy_pass {url}; proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;
    proxy_set_header X-Forwarded-For $remote_addr; }}
}}
"""  # noqa: E501  # as it is written in a configuration


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> StorageLocations:
    places = StorageLocations.at(tmp_path_factory.mktemp("data"))
    db = Database(places.url, places.events)
    migrate(db)
    db.close()
    return places


@pytest.fixture(scope="module")
def study(places: StorageLocations) -> str:
    db = Database(places.url, places.events)
    number = add_study(db, places.media, design())
    db.close()
    return number


@pytest.fixture(scope="module")
def site(bundle: Path, places: StorageLocations, study: str) -> Iterator[SplitSite]:
    variables = {
        "SPACE_ID": "ada/voices",
        "UNDERTONE_TRUSTED_PROXIES": "127.0.0.1",
        "UNDERTONE_ADMIN": f"ada:{PASSPHRASE}",
    }
    with split_site(bundle, places.data, **variables) as running:
        running.until("/healthz")
        yield running


@pytest.fixture(scope="module")
def port(site: SplitSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={HUB}",
         "-keyout", str(folder / "own.key"), "-out", str(folder / "own.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    servers = SERVERS.format(port=port, hub=HUB, space=SPACE, folder=folder, url=site.url)
    with nginx_servers(folder / "nginx", port, servers):
        yield port


@pytest.fixture
def context(playwright: Playwright, port: int, tmp_path: Path) -> Iterator[BrowserContext]:
    profile = tmp_path / "profile" / "Default"
    profile.mkdir(parents=True)
    refused = {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}
    (profile / "Preferences").write_text(json.dumps(refused))
    names = ", ".join(f"MAP {name}:443 127.0.0.1:{port}" for name in (HUB, SPACE))
    context = playwright.chromium.launch_persistent_context(
        profile.parent, executable_path=CHROMIUM, ignore_https_errors=True,
        args=[*FLAGS, f"--host-resolver-rules={names}"],
    )  # fmt: skip
    context.set_default_timeout(60_000)
    yield context
    context.close()


def framed(page: Page, path: str) -> FrameLocator:
    """Open the Space as the Hub shows it."""
    page.goto(f"https://{HUB}/frame?path={path}")
    return page.frame_locator("iframe")


def test_an_admin_signs_in_inside_the_frame_and_out_again(context: BrowserContext) -> None:
    page = context.new_page()
    frame = framed(page, "/sign-in")
    frame.get_by_label("Name").fill("ada")
    frame.get_by_label("Passphrase").fill(PASSPHRASE)
    frame.get_by_role("button", name="Sign in", exact=True).click()
    expect(frame.get_by_label("Passphrase")).to_have_count(0)  # on its way to the results
    frame = framed(page, "/sign-in")
    expect(frame.get_by_role("status")).to_contain_text("You are signed in as ada")
    frame.get_by_role("button", name="Sign out").click()
    expect(frame.get_by_label("Passphrase")).to_be_visible()
    frame = framed(page, "/sign-in")
    expect(frame.get_by_role("status")).to_have_count(0)


def test_a_sign_in_of_one_frame_is_no_sign_in_elsewhere(context: BrowserContext) -> None:
    page = context.new_page()
    frame = framed(page, "/sign-in")
    frame.get_by_label("Name").fill("ada")
    frame.get_by_label("Passphrase").fill(PASSPHRASE)
    frame.get_by_role("button", name="Sign in", exact=True).click()
    expect(frame.get_by_label("Passphrase")).to_have_count(0)
    page.goto(f"https://{SPACE}/sign-in")
    expect(page.get_by_role("status")).to_have_count(0)


def test_a_rater_whose_browser_refuses_storage_goes_on_after_a_reload(
    context: BrowserContext, places: StorageLocations, study: str
) -> None:
    page = context.new_page()
    frame = framed(page, f"/rate/{study}")
    frame.get_by_role("button", name="I agree and take part").click()
    expect(frame.locator("#play")).to_be_visible()
    inside = page.frame(name="space")
    assert inside is not None
    refused = "(() => { try { localStorage.setItem('a', 'b'); return false; } catch { return true; } })()"
    assert inside.evaluate(refused), "this browser keeps storage in frames, so the test says nothing"
    heading = frame.locator("#heading").inner_text()
    frame = framed(page, f"/rate/{study}")
    expect(frame.locator("#heading")).to_have_text(heading)
    db = Database(places.url)
    with db.reading() as transaction:
        assert transaction.scalar(select(func.count()).select_from(Session)) == 1
    db.close()
    sent = [cookie for cookie in context.cookies() if "undertone.rate" in str(cookie.get("name"))]
    assert {cookie.get("path") for cookie in sent} == {"/rate"}
