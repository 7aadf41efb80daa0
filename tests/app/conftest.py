"""Fixtures of the page's tests: the real engine on a tiny random bundle, and voice-like clips."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi.testclient import TestClient

from tests.clips import speechlike, write_wav16
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine


@pytest.fixture(scope="session", autouse=True)
def one_loop() -> Iterator[None]:
    """All test clients ask on one event loop, as a server has; each request would start one, a third of its time."""
    with pytest.MonkeyPatch.context() as patch, start_blocking_portal() as portal:
        patch.setattr(TestClient, "portal", portal)
        yield


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.from_pretrained(make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"), device="cpu")


@pytest.fixture
def context(engine: Engine, tmp_path: Path) -> Context:
    return Context(engine, tmp_path / "visits")


@pytest.fixture
def clip_path(tmp_path: Path) -> Path:
    return write_wav16(tmp_path / "clip.wav", speechlike(4.0))


@pytest.fixture
def visit(context: Context, clip_path: Path) -> Visit:
    """A visitor with a clip of 4 s."""
    visit = context.new_visit()
    visit.clip = PromptClip.read(str(clip_path))
    return visit
