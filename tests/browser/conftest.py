"""Fixtures of the browser tests: the app in a process of its own, a real Chromium, a microphone that plays a file."""

import itertools
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    Request,
    WebError,
    expect,
    sync_playwright,
)

from tests.app.split_site import NO_CERTIFICATES
from tests.browser.continue_site import Site
from tests.browser.prosody_site import ProsodySite
from tests.browser.rate_site import CLIP_SECONDS, DESKTOP, Arrive, RaterPage, RateServer
from tests.clips import speechlike, write_wav16
from tests.rating_study import add_study, design
from tests.tiny_bundle import make_tiny_bundle, make_tiny_system
from undertone.studies.store import Database, StorageLocations, migrate

ROOT = Path(__file__).parent.parent.parent
PHONES = ("AH", "D", "IY", "K", "N", "S", "T")
START_SECONDS = 120  # 5 s on an idle machine; tests may share it
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
_studies = itertools.count()

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a bundle of random weights whose units are parts of phones, so that words can be read, and a baseline."""
    folder = tmp_path_factory.mktemp("bundles")
    voice = make_tiny_bundle(folder / "tiny", phones=PHONES)
    make_tiny_system(voice, folder / "baseline", "Token-LM")
    return voice


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write two voices to upload, and one for the microphone."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        "low": write_wav16(folder / "low.wav", speechlike(4.0, hz=110, seed=1)),
        "high": write_wav16(folder / "high.wav", speechlike(5.0, hz=210, seed=2)),
        "microphone": write_wav16(folder / "microphone.wav", speechlike(20.0, hz=150, seed=3)),
    }


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the server keeps its temporary files."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="session")
def url(bundle: Path, temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address that `undertone serve` prints, on a free port, once the model and the results are there."""
    data = tmp_path_factory.mktemp("studies")
    command = [sys.executable, "-m", "undertone", "serve", "--bundle", str(bundle), "--port", "0"]
    command += ["--data", str(data)]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = _address(server)
            _wait_for_pages(address)
            yield address
        finally:
            server.terminate()


def _address(server: subprocess.Popen[str]) -> str:
    lines: queue.Queue[str] = queue.Queue()
    assert server.stdout is not None
    threading.Thread(target=lambda out=server.stdout: [lines.put(line) for line in out], daemon=True).start()
    line = lines.get(timeout=START_SECONDS)
    found = re.search(r"http://\S+", line)
    assert found, f"the server printed {line!r} instead of its address"
    return found.group()


def _wait_for_pages(address: str) -> None:
    """Wait until the pages have loaded; raters are answered at once."""
    end = time.monotonic() + START_SECONDS
    for path in ("/", "/results/"):
        while httpx.get(address + path, timeout=30, verify=NO_CERTIFICATES).status_code == 503:
            assert time.monotonic() < end, f"{path} still loads"
            time.sleep(0.2)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start the one driver of a session: Playwright has no two in one thread."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(clips: dict[str, Path]) -> dict[str, Any]:
    """Return how Playwright launches Chromium."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        message = "no Chromium is installed: run `apt-get install -y chromium` and repeat"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    microphone = f"--use-file-for-fake-audio-capture={clips['microphone']}"
    return {"executable_path": path, "args": [*FLAGS, microphone]}


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: dict[str, Any]) -> Iterator[Browser]:
    launched = playwright.chromium.launch(**chromium)
    yield launched
    launched.close()


class Regulars:
    """Browsers of visitors who have been here before: each has the site's scripts, a third of a page's load."""

    def __init__(self, launch: Callable[[], BrowserContext]) -> None:
        self._launch = launch
        self._free: list[BrowserContext] = []

    def come(self) -> BrowserContext:
        """Return a browser that nobody uses; the site does not know its visitor."""
        return self._free.pop() if self._free else self._launch()

    def leave(self, context: BrowserContext, url: str) -> None:
        """Take a browser back."""
        forget_visitor(context, url)
        self._free.append(context)

    def close(self) -> None:
        """Close every browser that was taken back."""
        for context in self._free:
            context.close()


@pytest.fixture(scope="session")
def regulars(
    playwright: Playwright, chromium: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Regulars]:
    """Keep the browsers of visitors, one for each who is there at a time."""

    def launch() -> BrowserContext:
        context = playwright.chromium.launch_persistent_context(tmp_path_factory.mktemp("profile"), **chromium)
        context.set_default_timeout(120_000)
        return context

    kept = Regulars(launch)
    yield kept
    kept.close()


@contextmanager
def visiting(regulars: Regulars, url: str) -> Iterator[Callable[..., Page]]:
    """Yield what opens an empty page of a visitor whom the site does not know, each in a browser of their own.

    No page asks another machine, and no script fails, whatever is done meanwhile.
    """
    contexts: list[BrowserContext] = []
    requests: list[str] = []
    errors: list[str] = []

    def asked(made: Request) -> None:
        requests.append(made.url)

    def failed(error: WebError) -> None:
        errors.append(str(error.error))

    def make(width: int = 1280, height: int = 900) -> Page:
        context = regulars.come()
        contexts.append(context)
        context.on("request", asked)
        context.on("weberror", failed)
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        return page

    yield make
    for context in contexts:
        context.remove_listener("request", asked)
        context.remove_listener("weberror", failed)
        regulars.leave(context, url)
    outside = [address for address in requests if not address.startswith((url, "data:", "blob:"))]
    assert not outside, f"the page asked other machines: {outside}"
    assert not errors, f"the page's scripts failed: {errors}"


def forget_visitor(context: BrowserContext, url: str) -> None:
    """Close a context's pages, and delete all that the site has stored in it but the files of the pages."""
    for page in context.pages[1:]:
        page.close()
    blank = context.pages[0]
    blank.goto("about:blank")
    context.clear_cookies()
    devtools = context.new_cdp_session(blank)
    devtools.send(
        "Storage.clearDataForOrigin",
        {"origin": url, "storageTypes": "cookies,file_systems,indexeddb,local_storage,service_workers,cache_storage"},
    )
    devtools.detach()


@pytest.fixture
def new_page(regulars: Regulars, url: str) -> Iterator[Callable[..., Page]]:
    """Open the pages of a test's visitors."""
    with visiting(regulars, url) as make:
        yield make


@pytest.fixture(scope="module")
def shared_page(regulars: Regulars, url: str) -> Iterator[Callable[..., Page]]:
    """Open pages that the tests of a module share; each test brings the page to where it begins."""
    with visiting(regulars, url) as make:
        yield make


@pytest.fixture(scope="module")
def shared_site(shared_page: Callable[..., Page], url: str) -> Site:
    """Return the Continue page that the tests of a module share."""
    return Site.open(shared_page(), url)


@pytest.fixture
def cleared_site(shared_site: Site) -> Site:
    """Return the page of a visitor who has chosen no clip, or none any more; its last run may still be told of."""
    shared_site.clear()
    return shared_site


@pytest.fixture
def visit_site(new_page: Callable[..., Page], url: str) -> Callable[..., Site]:
    """Open the Continue page as a new visitor."""
    return lambda **size: Site.open(new_page(**size), url)


@pytest.fixture
def visit_prosody(new_page: Callable[..., Page], url: str) -> Callable[..., ProsodySite]:
    """Open the Prosody page as a new visitor."""
    return lambda **size: ProsodySite.open(new_page(**size), url)


@pytest.fixture(scope="session")
def rate_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageLocations]:
    """Return where the studies of the rater's pages are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("UNDERTONE_DATABASE", raising=False)
        patch.delenv("UNDERTONE_SECRET", raising=False)
        yield StorageLocations.at(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="session")
def rate_db(rate_places: StorageLocations) -> Iterator[Database]:
    db = Database(rate_places.url)
    migrate(db)
    yield db
    db.close()


@pytest.fixture(scope="session")
def rate_server(rate_places: StorageLocations, rate_db: Database) -> Iterator[RateServer]:
    """Start the server of all studies; a test that kills it starts it again."""
    server = RateServer(rate_places.data)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def arrive(
    browser: Browser, rate_server: RateServer, rate_db: Database, rate_places: StorageLocations
) -> Iterator[Arrive]:
    """Open a study's link as a new visitor; nothing is asked of other machines and no script fails."""
    contexts: list[BrowserContext] = []
    requests: list[str] = []
    errors: list[str] = []
    studies: dict[str, str] = {}
    if rate_server.process is None:  # a test failed before it had started it again
        rate_server.start()

    def arrive(device: dict[str, Any] = DESKTOP, query: str = "", path: str | None = None, **study: Any) -> RaterPage:
        context = browser.new_context(**device)
        contexts.append(context)
        if not studies:
            fresh = design(name=f"secret-study-{next(_studies)}", **study)
            studies["id"] = add_study(rate_db, rate_places.media, fresh, clip_seconds=CLIP_SECONDS)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{rate_server.url}/rate/{studies['id']}{query}" if path is None else rate_server.url + path)
        return RaterPage(page, rate_db, studies["id"])

    yield arrive
    for context in contexts:
        context.close()
    outside = [address for address in requests if not address.startswith((rate_server.url, "data:", "blob:"))]
    assert not outside, f"the page asked other machines: {outside}"
    assert not errors, f"the page's scripts failed: {errors}"
