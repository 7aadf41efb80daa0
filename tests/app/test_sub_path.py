"""The whole site under a sub-path behind a real nginx that passes the sub-path on or takes it off."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.app.continue_visitor import ContinueVisitor
from tests.app.nginx import needs_nginx, nginx
from tests.app.split_site import BROWSER, NO_CERTIFICATES, SplitSite, split_site
from tests.clips import speechlike, write_wav16
from tests.rating_study import add_study, design
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.auth.passphrases import add_admin
from undertone.studies.store import Database, StorageLocations, migrate

pytestmark = needs_nginx
ROOT = "/voice"
PASSPHRASE = "four words will do"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[StorageLocations, str]:
    places = StorageLocations.at(tmp_path_factory.mktemp("data"))
    db = Database(places.url, places.events)
    migrate(db)
    add_admin(db, "ada", "admin", PASSPHRASE)
    number = add_study(db, places.media, design())
    db.close()
    return places, number


@pytest.fixture(scope="module")
def site(study: tuple[StorageLocations, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SplitSite]:
    bundle = make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    variables = {"UNDERTONE_ROOT_PATH": ROOT, "UNDERTONE_TRUSTED_PROXIES": "127.0.0.1"}
    with split_site(bundle, study[0].data, **variables) as running:
        running.until("/")
        running.until("/results/", 303)
        yield running


# As people write it: a bare `proxy_pass`, without a word of Host or protocol; a slash behind it takes the prefix off.
LOCATIONS = {
    "passed on": "location /voice {{ proxy_pass {url}; }}",
    "taken off": "location /voice/ {{ proxy_pass {url}/; }}",
    "host and client": "location /voice {{ proxy_pass {url}; proxy_set_header Host $http_host; "
    "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https; }}",
}


@pytest.fixture(scope="module", params=list(LOCATIONS))
def proxy(site: SplitSite, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("proxy") / "nginx"
    with nginx(folder, LOCATIONS[request.param].format(url=site.url)) as url:
        yield url


@pytest.fixture(scope="module")
def there(proxy: str) -> set[str]:
    """Addresses behind this proxy that were answered: pages share most of what they name."""
    return set()


@pytest.fixture
def client(proxy: str) -> Iterator[httpx.Client]:
    headers = {"sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=proxy, timeout=120, headers=headers, verify=NO_CERTIFICATES) as client:
        yield client


def followed(client: httpx.Client, path: str) -> httpx.Response:
    """Open an address as a browser does; every step must lead under the sub-path and nowhere inside."""
    for _ in range(5):
        answer = client.get(path, headers=BROWSER)
        if not answer.is_redirect:
            return answer
        path = urljoin(str(answer.url), answer.headers["location"])
        assert path.startswith(f"{client.base_url}".rstrip("/") + ROOT), answer.headers["location"]
    raise AssertionError(f"{path} redirects for ever")


PAGES = ("", "/", "/prosody", "/prosody/", "/results", "/sign-in", "/rate/some-study", "/rate/some-study/", "/rate")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_and_all_that_it_names_is_there(client: httpx.Client, there: set[str], path: str) -> None:
    page = followed(client, ROOT + path)
    assert page.status_code == 200
    named = re.findall(r"""(?:src|href|action)=["']([^"'#]+)["']""", page.text)
    # Gradio names a manifest that no page here has, sub-path or not.
    inside = [name for name in named if not re.match(r"[a-z]+:", name) and name != "/manifest.json"]
    assert inside or path.startswith("/rate")
    for name in inside:
        address = urljoin(urljoin(str(page.url), "./"), name)
        assert address.startswith(f"{str(client.base_url).rstrip('/')}{ROOT}/"), name
        if address not in there:
            assert followed(client, address).status_code == 200, name
            there.add(address)


@pytest.mark.parametrize("page", ["/", "/prosody/"])
def test_gradio_is_told_the_address_outside_and_none_inside(site: SplitSite, client: httpx.Client, page: str) -> None:
    inside = site.url.split("//")[1]
    config = client.get(f"{ROOT}{page}config")
    assert config.json()["root"] == f"{ROOT}{page}".rstrip("/")
    for text in (config.text, client.get(f"{ROOT}{page}").text):
        assert inside not in text
        assert "gradio.invalid" not in text


def test_errors_lead_back_to_the_site(client: httpx.Client) -> None:
    page = client.get(f"{ROOT}/nothing/there", headers=BROWSER)
    assert page.status_code == 404
    assert f'href="{ROOT}/"' in page.text


def test_who_signs_in_sees_the_results_and_signs_out(client: httpx.Client) -> None:
    form = followed(client, f"{ROOT}/results/")
    assert str(form.url).endswith(f"{ROOT}/sign-in?next=/results/")
    assert f'action="{ROOT}/sign-in"' in form.text
    values = {"name": "ada", "passphrase": PASSPHRASE, "next": "/results/"}
    entered = client.post(f"{ROOT}/sign-in", data=values)
    assert entered.headers["location"] == f"{ROOT}/results/"
    cookies = entered.headers.get_list("set-cookie")
    assert re.search(rf"undertone_admin=.*Path={ROOT}(;|$)", cookies[0])
    assert re.search(rf"undertone_device=.*Path={ROOT}/sign-in(;|$)", cookies[1])
    kept = {"cookie": "; ".join(cookie.split(";")[0] for cookie in cookies)}  # Secure behind https, which httpx is not
    page = client.get(f"{ROOT}/results/", headers={**BROWSER, **kept})
    assert page.status_code == 200
    assert f"{ROOT}/sign-out" in page.text
    assert "Sign out" in client.get(f"{ROOT}/sign-in", headers={**BROWSER, **kept}).text
    assert client.post(f"{ROOT}/sign-out", headers=kept).headers["location"] == f"{ROOT}/sign-in"
    assert client.get(f"{ROOT}/results/", headers={**BROWSER, **kept}).status_code == 303


def test_a_rater_begins_and_hears(client: httpx.Client, study: tuple[StorageLocations, str]) -> None:
    begun = client.post(f"{ROOT}/rate/api/begin", json={"study": study[1], "query": {}}).json()
    headers = {"authorization": f"Bearer {begun['token']}"}
    section = {"section": begun["view"]["progress"]["step"], "agree": True}
    view = client.post(f"{ROOT}/rate/api/answer", json=section, headers=headers).json()
    sound = client.get(f"{ROOT}/rate/api/audio/{view['trial']['id']}", headers=headers)
    assert sound.headers["content-type"].startswith("audio/")


def handed(client: httpx.Client, folder: Path) -> str:
    """Upload a clip; returns the name under which the visitor knows it."""
    clip = write_wav16(folder / "clip.wav", speechlike(4.0))
    sent = client.post(f"{ROOT}/gradio_api/upload", files={"files": ("clip.wav", clip.read_bytes(), "audio/wav")})
    assert sent.status_code == 200, sent.text
    return str(sent.json()[0])


def test_a_recording_is_taken_and_given_back_to_its_visitor(client: httpx.Client, tmp_path: Path) -> None:
    opened = client.get(f"{ROOT}/", headers=BROWSER)
    (cookie,) = opened.headers.get_list("set-cookie")
    assert f"Path={ROOT};" in cookie
    client.headers["cookie"] = cookie.split(";")[0]
    name = handed(client, tmp_path)
    assert client.get(f"{ROOT}/gradio_api/file={name}").headers["content-type"].startswith("audio/")
    client.headers["cookie"] = "other=1"
    assert client.get(f"{ROOT}/gradio_api/file={name}").status_code == 403


def test_live_updates_arrive_singly_through_default_buffering(proxy: str, tmp_path: Path) -> None:
    """By default nginx keeps what is shorter than its buffers for later: a run would be over before it is seen."""
    clip = write_wav16(tmp_path / "clip.wav", speechlike(4.0))
    with ContinueVisitor(proxy + ROOT) as visitor:
        visitor.upload(clip)
        came = list(visitor.messages_of_continue(seconds=8.0, steps=100))  # a second or more, on a fast machine too
    live = [at for at, message in came if message["msg"] == "process_generating"]
    assert came[-1][1]["msg"] == "process_completed"
    assert came[-1][1]["success"]
    assert len(live) >= 5
    gaps = [after - before for before, after in pairwise(live)]
    together = sum(gap < 0.002 for gap in gaps)
    assert together <= len(gaps) / 4, f"{together} of {len(gaps)} updates came together with the one before"
