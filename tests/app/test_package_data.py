"""The embedded voice and the examples are found from any folder."""

from pathlib import Path

import pytest

from undertone.app.package_data import DEMO, EXAMPLES, asset_folder, bundle_or_demo, with_demo_bundle
from undertone.engine.errors import BundleError
from undertone.studies.design import load_study_file
from undertone.studies.design.templates import template_names, template_text


def test_the_examples_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sorted(asset_folder(EXAMPLES).glob("*.wav"))
    (tmp_path / EXAMPLES).mkdir(parents=True)
    assert asset_folder(EXAMPLES).resolve() == tmp_path / EXAMPLES


def test_the_embedded_voice_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (Path(bundle_or_demo(None)) / "bundle.json").is_file()
    (tmp_path / DEMO).mkdir(parents=True)
    assert Path(bundle_or_demo(None)).resolve() == tmp_path / DEMO
    assert bundle_or_demo("somebody/voice") == "somebody/voice"


def test_without_the_embedded_voice_the_error_says_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("undertone.app.package_data._PACKAGE", tmp_path / "app")
    with pytest.raises(BundleError, match="--bundle"):
        bundle_or_demo(None)


@pytest.mark.parametrize("name", template_names())
def test_a_study_template_finds_the_embedded_voice_from_any_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(with_demo_bundle(template_text(name), tmp_path))
    study = load_study_file(tmp_path / "study.yaml")
    bundles = [system.source.bundle for system in study.systems if system.source.kind == "bundle"]
    assert bundles
    assert all((Path(bundle) / "bundle.json").is_file() for bundle in bundles)
