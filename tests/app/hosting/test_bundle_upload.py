"""A bundle published, against a stand-in of the Hub on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.hub_stand_in import TOKEN, Hub, Repository, hub_stand_in
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.hosting.bundle_upload import push_bundle
from undertone.app.hosting.hub import HubError
from undertone.engine.bundle import BundleConfig, load_bundle, save_bundle
from undertone.engine.errors import BundleError

MODEL = "ada/voice"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the stand-in has LFS alone
    with hub_stand_in() as hub:
        yield hub


def api(hub: Hub, token: str = TOKEN) -> HfApi:
    return HfApi(endpoint=hub.url, token=token)


def test_a_bundle_is_published_with_its_card_and_nothing_else_and_brought_up_to_date(hub: Hub, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "voice")
    (bundle / "notes.txt").write_text("private")
    assert push_bundle(bundle, MODEL, private=True, api=api(hub)) == f"{hub.url}/{MODEL}"
    model = hub.repositories[f"models/{MODEL}"]
    assert model.private
    assert len(model.commits) == 1
    assert "notes.txt" not in model.files
    for name in ("bundle.json", "model.safetensors", "tokenizer.safetensors", "vocoder.safetensors"):
        assert model.files[name] == (bundle / name).read_bytes()
    assert "model.safetensors" in model.by_lfs
    assert model.files["README.md"].startswith(b"---\nlicense")
    model.files |= {"student.safetensors": b"of another bundle", "sample.wav": b"theirs"}
    (bundle / "README.md").write_text("---\nlicense: mit\n---\nOur own card.\n")
    push_bundle(bundle, MODEL, api=api(hub))
    assert "student.safetensors" not in model.files
    assert model.files["sample.wav"] == b"theirs"
    assert model.files["README.md"].endswith(b"Our own card.\n")


def test_what_cannot_be_published_is_refused_and_changes_nothing(hub: Hub, tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "voice")
    with pytest.raises(HubError, match="the Hub does not take"):
        push_bundle(bundle, MODEL, api=api(hub, "hf_wrong"))
    with pytest.raises(HubError, match="no bundle folder"):
        push_bundle(tmp_path / "nowhere", MODEL, api=api(hub))
    hub.repositories["models/ada/other"] = Repository(files={"model.safetensors": b"of something else"})
    with pytest.raises(HubError, match="another model"):
        push_bundle(bundle, "ada/other", api=api(hub))
    assert not hub.repositories["models/ada/other"].commits
    (bundle / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(BundleError):
        push_bundle(bundle, MODEL, api=api(hub))
    assert f"models/{MODEL}" not in hub.repositories


def test_parts_that_a_neighbour_holds_are_published_with_it(hub: Hub, tmp_path: Path) -> None:
    voice = make_tiny_bundle(tmp_path / "voice")
    loaded = load_bundle(voice)
    shared = {"tokenizer": "voice", "vocoder": "voice"}
    config = BundleConfig.model_validate({**dict(loaded.config), "shared_parts": shared})
    bundle = save_bundle(tmp_path / "system", config, loaded.model, loaded.vocoder, loaded.tokenizer)
    push_bundle(bundle, MODEL, api=api(hub))
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    for name, content in hub.repositories[f"models/{MODEL}"].files.items():
        (fetched / name).write_bytes(content)
    assert load_bundle(fetched).fingerprint == load_bundle(bundle).fingerprint
