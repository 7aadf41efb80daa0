"""Bundles on disk: round trip, atomic writing, and errors that name the file and the key."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_bundle import make_tiny_bundle
from undertone.engine.bundle import (
    Bundle,
    BundleConfig,
    bundles_sharing,
    fingerprint,
    load_bundle,
    read_config,
    save_bundle,
)
from undertone.engine.config import GriffinLimConfig, HiFiGANConfig, HubertConfig, PhoneticConfig
from undertone.engine.errors import BundleError


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "bundle"))


def save_again(bundle: Bundle, folder: Path, **changes: Any) -> Path:
    return save_bundle(folder, bundle.config, bundle.model, bundle.vocoder, bundle.tokenizer, **changes)


def test_round_trip_keeps_every_weight_and_the_configuration(tiny_folder: Path, tmp_path: Path) -> None:
    bundle = load_bundle(tiny_folder)
    again = load_bundle(save_again(bundle, tmp_path / "again"))
    assert again.config == bundle.config
    assert again.fingerprint == bundle.fingerprint
    for part in ("model", "vocoder", "tokenizer"):
        weights, copies = getattr(bundle, part).state_dict(), getattr(again, part).state_dict()
        assert all(torch.equal(weights[key], copies[key]) for key in weights)
    assert not any(p.requires_grad for p in bundle.model.parameters())
    assert not bundle.model.training


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_disk_is_float32_in_memory(tiny_folder: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    bundle = load_bundle(tiny_folder)
    half = save_again(bundle, tmp_path / "half", dtype=dtype)
    weight = load_bundle(half).model.token_embedding.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, bundle.model.token_embedding.weight.to(dtype).float())
    sizes = [(f / "model.safetensors").stat().st_size for f in (half, tiny_folder)]
    assert sizes[0] < 0.6 * sizes[1] + 10_000


def test_a_part_in_eight_bits_is_within_half_a_step(tiny_folder: Path, tmp_path: Path) -> None:
    bundle = load_bundle(tiny_folder)
    packed = save_again(bundle, tmp_path / "packed", dtype=torch.float16, eight_bit=("tokenizer",))
    stored = load_file(str(packed / "tokenizer.safetensors"))
    again = load_bundle(packed)
    for key, weight in bundle.tokenizer.state_dict().items():
        found = again.tokenizer.state_dict()[key]
        if weight.ndim >= 2:
            step = weight.flatten(1).abs().amax(1) / 127
            assert stored[key].dtype == torch.int8
            assert bool(((found - weight).flatten(1).abs().amax(1) <= 0.501 * step + 1e-9).all())
    assert torch.equal(
        again.model.token_embedding.weight, bundle.model.token_embedding.weight.to(torch.float16).float()
    )


def test_an_older_bundle_is_replaced_whole(folder: Path) -> None:
    bundle = load_bundle(folder)
    (folder / "stale.txt").write_text("old")
    save_again(bundle, folder, texts={"README.md": "# card"})
    assert (folder / "README.md").read_text() == "# card"
    assert not (folder / "stale.txt").exists()
    assert [p.name for p in folder.parent.iterdir()] == ["bundle"]


def test_a_folder_with_other_things_is_left_alone(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BundleError, match="is no bundle"):
        save_again(load_bundle(tiny_folder), tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_failed_save_leaves_the_old_bundle(folder: Path) -> None:
    before = fingerprint(folder)
    with pytest.raises(FileNotFoundError):
        save_again(load_bundle(folder), folder, texts={"no/such/place": "x"})
    assert fingerprint(folder) == before
    assert [p.name for p in folder.parent.iterdir()] == ["bundle"]


def test_the_fingerprint_sees_weights_and_configurations_but_not_the_card(folder: Path) -> None:
    before = fingerprint(folder)
    change_config(folder, measured={"evaluation": 1.0}, name="another")
    assert fingerprint(folder) == before
    change_config(folder, prompt_loudness_lufs=-20.0)
    louder = fingerprint(folder)
    (folder / "vocoder.safetensors").write_bytes((folder / "vocoder.safetensors").read_bytes() + b" ")
    assert len({before, louder, fingerprint(folder)}) == 3


def change_config(folder: Path, **values: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        path = folder / "bundle.json"
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    return apply


def edit_weights(name: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        weights = load_file(folder / name)
        change(weights)
        save_file(weights, folder / name)

    return apply


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "bundle.json").unlink(), ["bundle.json", "cannot be read"]),
        (lambda f: (f / "bundle.json").write_text("{"), ["bundle.json", "not JSON"]),
        (lambda f: (f / "bundle.json").write_text("[]"), ["bundle.json", "list"]),
        (lambda f: (f / "model.safetensors").unlink(), ["model.safetensors", "missing"]),
        (lambda f: (f / "vocoder.safetensors").write_bytes(b"x" * 99), ["vocoder.safetensors", "damaged"]),
        (edit(lambda v: v.update(colour=1)), ["bundle.json", "unknown key 'colour'", "known keys", "licence"]),
        (edit(lambda v: v.pop("licence")), ["bundle.json", "missing key 'licence'"]),
        (edit(lambda v: v["model"].pop("latent_dim")), ["missing key 'model.latent_dim'", "token_dim"]),
        (edit(lambda v: v["model"]["mel"].update(hop=1)), ["unknown key 'model.mel.hop'", "hop_samples"]),
        (edit(lambda v: v["vocoder"].update(depth=1)), ["unknown key", "depth", "num_layers"]),
        (edit(lambda v: v["vocoder"].update(kind="wavenet")), ["wavenet", "vocos"]),
        (edit(lambda v: v.update(format_version=2)), ["format_version is 2"]),
        (edit(lambda v: v["model"].update(latent_dim="many")), ["model.latent_dim is 'many'"]),
        (edit(lambda v: v["model"].update(num_tokens=7)), ["num_units is 24", "num_tokens is 7"]),
        (edit(lambda v: v["vocoder"]["mel"].update(floor=1e-5)), ["vocoder.mel"]),
        (
            edit(lambda v: v["model"].update(token_dim=20)),
            ["model.safetensors", "decoder.unet.condition.weight has shape"],
        ),
        (
            edit_weights("model.safetensors", lambda w: w.pop("token_embedding.weight")),
            ["model.safetensors", "missing tensor 'token_embedding.weight'"],
        ),
        (
            edit_weights("tokenizer.safetensors", lambda w: w.update(extra=torch.zeros(1))),
            ["tokenizer.safetensors", "unknown tensor 'extra'", "centroids"],
        ),
    ],
)
def test_what_is_wrong_is_named(folder: Path, damage: Callable[[Path], object], words: list[str]) -> None:
    damage(folder)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_sources_that_are_no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(BundleError, match="is a file"):
        load_bundle(file)
    with pytest.raises(BundleError, match="no bundle folder"):
        load_bundle(tmp_path / "nowhere" / "at" / "all")
    monkeypatch.setattr("huggingface_hub.snapshot_download", _offline)
    with pytest.raises(BundleError, match=r"no folder 'someone/voice'.*ConnectionError.*no network"):
        load_bundle("someone/voice")


def _offline(*_: object, **__: object) -> str:
    raise ConnectionError("offline")


def test_a_hub_id_is_fetched_where_there_is_no_folder(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def fetch(repository: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, revision, "bundle.json" in allow_patterns))
        return str(tiny_folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert load_bundle("someone/voice@v2").name == "tiny"
    assert asked == [("someone/voice", "v2", True)]


def test_a_bundle_without_vocoder_weights(tmp_path: Path) -> None:
    bundle = load_bundle(make_tiny_bundle(tmp_path / "b", streaming_vocoder=False))
    assert isinstance(bundle.config.vocoder, GriffinLimConfig)


def test_a_configuration_survives_json() -> None:
    for vocoder in (HiFiGANConfig(), GriffinLimConfig()):
        for tokenizer in (HubertConfig(), PhoneticConfig()):
            config = BundleConfig(name="x", licence="MIT", vocoder=vocoder, tokenizer=tokenizer)
            assert BundleConfig.model_validate_json(config.model_dump_json()) == config


def test_a_bundle_that_names_no_language_is_english(folder: Path) -> None:
    """Bundles written before they said so all had English phones; they open as before and replay the same."""
    before = fingerprint(folder)
    path = folder / "bundle.json"
    values = json.loads(path.read_text())
    del values["languages"]
    path.write_text(json.dumps(values))
    assert load_bundle(folder).config.languages == ("en",)
    assert fingerprint(folder) == before


@pytest.mark.parametrize("missing", ["assets/demo", Path("some/bundle"), "../bundle"])
def test_a_missing_folder_is_never_fetched_from_the_hub(missing: str | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **kwargs: pytest.fail("asked the Hub"))
    monkeypatch.chdir("/")
    with pytest.raises(BundleError, match="there is no bundle folder"):
        load_bundle(missing)


@pytest.fixture
def sharing(folder: Path) -> Path:
    """Return a bundle beside `folder` whose tokenizer and vocoder lie there."""
    bundle = load_bundle(folder)
    shared = {"tokenizer": folder.name, "vocoder": folder.name}
    config = BundleConfig.model_validate({**dict(bundle.config), "name": "sharing", "shared_parts": shared})
    return save_bundle(folder.parent / "sharing", config, bundle.model, bundle.vocoder, bundle.tokenizer)


def test_parts_of_a_neighbour_are_loaded_as_if_they_were_its_own(folder: Path, sharing: Path) -> None:
    assert not (sharing / "tokenizer.safetensors").exists()
    assert not (sharing / "vocoder.safetensors").exists()
    whole, found = load_bundle(folder), load_bundle(sharing)
    assert found.fingerprint == whole.fingerprint, "it makes the same samples, wherever its parts lie"
    for part in ("model", "vocoder", "tokenizer"):
        weights, copies = getattr(whole, part).state_dict(), getattr(found, part).state_dict()
        assert all(torch.equal(weights[key], copies[key]) for key in weights)
    in_memory = load_bundle(sharing, shared_with=(folder, whole))
    assert in_memory.tokenizer is whole.tokenizer
    assert in_memory.vocoder is whole.vocoder
    assert in_memory.model is not whole.model
    assert bundles_sharing(folder) == [sharing]
    assert bundles_sharing(sharing) == []
    assert "shared_parts" not in json.loads((folder / "bundle.json").read_text())


def test_a_neighbour_that_is_not_there_is_named(folder: Path, sharing: Path) -> None:
    (folder / "vocoder.safetensors").unlink()
    with pytest.raises(BundleError, match=r"vocoder .* stored in the bundle 'bundle' beside it"):
        load_bundle(sharing)
    folder.rename(folder.parent / "elsewhere")
    with pytest.raises(BundleError, match="beside it"):
        fingerprint(sharing)


@pytest.mark.parametrize("name", ["..", ".", "../other", "/etc", "a/b", "", "a\\b", ".hidden", "x" * 200, "a\n"])
def test_a_neighbour_is_a_name_and_no_path(sharing: Path, name: str) -> None:
    path = sharing / "bundle.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"shared_parts": {"tokenizer": name}}))
    with pytest.raises(BundleError, match="shared_parts"):
        read_config(sharing)


def test_the_model_itself_is_never_a_neighbours(sharing: Path) -> None:
    path = sharing / "bundle.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"shared_parts": {"model": "bundle"}}))
    with pytest.raises(BundleError, match="shared_parts"):
        read_config(sharing)
