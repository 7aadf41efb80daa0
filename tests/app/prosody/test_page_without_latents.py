"""The Prosody page of a system without latents says so, and the site builds all the same."""

from pathlib import Path

from fastapi.testclient import TestClient

from tests.tiny_bundle import OTHER_SYSTEMS, make_tiny_bundle
from undertone.app.shared.context import Context
from undertone.app.site.application import create_app
from undertone.engine import Engine


def test_a_system_without_latents_has_nothing_to_move(tmp_path: Path) -> None:
    folder = make_tiny_bundle(tmp_path / "bundle", changes=OTHER_SYSTEMS["Token-LM"])
    client = TestClient(create_app(Context(Engine.from_pretrained(folder, device="cpu"), tmp_path / "visits")))
    page = client.get("/prosody/")
    assert page.status_code == 200
    assert "tiny is a Token-LM: it has no latents" in page.text
    assert client.get("/").status_code == 200
