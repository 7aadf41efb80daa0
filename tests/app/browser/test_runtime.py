"""The files of onnxruntime-web are those that were published, or an error says what else to give."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from undertone.app.browser import runtime
from undertone.app.browser.runtime import FILES, PACKAGE, VERSION, RuntimeFilesError, kept_package, runtime_files


def installed(folder: Path, version: str = VERSION, files: tuple[str, ...] = FILES) -> Path:
    """A folder as npm leaves one."""
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": PACKAGE, "version": version}))
    for name in files:
        (folder / "dist" / name).write_bytes(name.encode())
    return folder


def test_an_installed_package_gives_its_files(tmp_path: Path) -> None:
    assert runtime_files(installed(tmp_path / "package")) == {name: name.encode() for name in FILES}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: installed(folder, version="1.2.3"), "1.2.3"),
        (lambda folder: installed(folder, files=FILES[1:]), FILES[0]),
        (lambda folder: folder / "nothing", "there is no"),
        (lambda folder: folder.parent, r"package.json cannot be read"),
    ],
)
def test_a_package_that_is_not_the_one_says_what_to_give(
    make: Callable[[Path], Path], said: str, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeFilesError, match=said) as caught:
        runtime_files(make(tmp_path / "package"))
    assert f"npm pack {PACKAGE}@{VERSION}" in str(caught.value)


def test_a_tarball_of_other_bytes_is_refused_unopened(tmp_path: Path) -> None:
    (tmp_path / "package.tgz").write_bytes(b"other bytes")
    with pytest.raises(RuntimeFilesError, match="as it was published"):
        runtime_files(tmp_path / "package.tgz")


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(runtime, "ADDRESS", "http://127.0.0.1:9/package.tgz")
    with pytest.raises(RuntimeFilesError, match="is there a network"):
        runtime_files(None)


def test_only_the_published_bytes_are_kept_and_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, fetches = b"the package", []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(runtime, "fetched", lambda: fetches.append(1) or package)
    with pytest.raises(RuntimeFilesError, match="as it was published"):
        kept_package()
    assert not list(tmp_path.rglob("*.tgz"))
    monkeypatch.setattr(runtime, "INTEGRITY", runtime._integrity(package))
    assert kept_package().read_bytes() == kept_package().read_bytes() == package
    assert len(fetches) == 2
    kept_package().write_bytes(b"damaged")
    assert kept_package().read_bytes() == package
