"""A built wheel: every file that the code opens is in it, and it serves, continues and makes studies by itself."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.app.split_site import split_site

ROOT = Path(__file__).parents[2]
CODE = ("app", "engine", "studies", "train")
ASSETS = ("assets/demo/", "assets/examples/")
OFFLINE = ("Temporary failure in name resolution", "No matching distribution found for setuptools", "Connection")


def tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, built as `make setup` builds it; nothing else is installed with it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in tracked_files():
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(folder / "source")]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250)
    if built.returncode and any(word in built.stdout + built.stderr for word in OFFLINE):
        pytest.skip("the wheel's build backend, setuptools 77 or later, cannot be fetched here")
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder with the wheel alone; its dependencies are those of these tests."""
    target = wheel.parent / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=250)
    return target


def undertone(installed: Path, folder: Path, *words: object) -> str:
    """Standard output of a verb of the installed wheel, started in an empty folder."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-P", "-m", "undertone", *map(str, words)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_of_the_code_and_the_assets_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {name for name in tracked_files() if name.startswith(tuple(f"{part}/" for part in CODE))}
    wanted = {name for name in wanted if not name.endswith(".md")}
    wanted |= {f"app/{name}" for name in tracked_files() if name.startswith(ASSETS)}
    assert not wanted - inside
    assert {name.partition("/")[0] for name in inside if ".dist-info" not in name} == set(CODE)


def test_an_installed_wheel_continues_with_its_own_voice(installed: Path, tmp_path: Path) -> None:
    prompt = installed / "app" / "assets" / "examples" / "a-storyteller.wav"
    undertone(installed, tmp_path, "continue", prompt, "--seconds", 0.5, "--seed", 1, "--steps", 2, "--out", "out")
    assert (tmp_path / "out" / "take-1.wav").is_file()


def test_an_installed_wheel_makes_a_study_of_its_own_voice(installed: Path, tmp_path: Path) -> None:
    undertone(installed, tmp_path, "study", "new", "study.yaml")
    assert str(installed / "app" / "assets" / "demo") in (tmp_path / "study.yaml").read_text()
    assert "no study" in undertone(installed, tmp_path, "study", "status", "--data", tmp_path / "data")


def test_an_installed_wheel_serves_its_own_voice_and_examples(installed: Path, tmp_path: Path) -> None:
    with split_site(None, tmp_path / "data", folder=tmp_path, PYTHONPATH=str(installed)) as site:
        assert "A storyteller" in site.until("/").text
        assert site.until("/rate").status_code == 200
