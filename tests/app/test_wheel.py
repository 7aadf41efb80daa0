"""A built wheel: one package with every file that the code opens; installed, it serves, continues and makes studies."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.app.split_site import split_site
from undertone.app.server.kernel_store import COMPILED

ROOT = Path(__file__).parents[2]
FOLDERS = ("app", "engine", "studies", "train")
ASSETS = ("assets/demo/", "assets/examples/", "assets/ladder/", "assets/token-lm/", "assets/token-lm-acoustic/")
BACKEND = "setuptools>=77,<82"
OFFLINE = ("Temporary failure in name resolution", "No matching distribution found for setuptools", "Connection")


def tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def run(*words: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; the test is skipped where it needs a package that cannot be fetched."""
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    done = subprocess.run(list(map(str, words)), cwd=folder, env=variables, capture_output=True, text=True, timeout=250)
    if done.returncode and any(word in done.stdout + done.stderr for word in OFFLINE):
        pytest.skip("the build backend, setuptools 77 or later, cannot be fetched here")
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout without its tests, links as links."""
    folder = tmp_path_factory.mktemp("wheel") / "source"
    for name in tracked_files():
        if (ROOT / name).exists() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    return folder


@pytest.fixture(scope="module")
def backend(source: Path) -> Path:
    """The build backend, fetched once for all builds."""
    folder = source.parent / "backend"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", folder]
    run(*command, BACKEND, folder=source.parent)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, backend: Path) -> Path:
    return source.parent / built("wheel", source, source.parent, backend)


def built(kind: str, source: Path, out: Path, backend: Path) -> str:
    """Build a "wheel" or an "sdist" of a folder, by the call with which pip asks the backend; returns its name."""
    build = "import sys, setuptools.build_meta as backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))"
    done = run(sys.executable, "-c", build, f"build_{kind}", out, folder=source, PYTHONPATH=str(backend))
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A virtual environment with the wheel and, by their paths, the packages of these tests; not the checkout."""
    folder = wheel.parent / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=wheel.parent)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-compile", wheel]
    run(*command, folder=wheel.parent)
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    take_over_compiled(packages / "undertone" / "engine" / "network" / "compiled")
    return folder


def take_over_compiled(folder: Path) -> None:
    """Put what this checkout has compiled beside the same source, which would take 9 s again in each first process.

    Numba goes by the source's size and time.
    """
    source = COMPILED / "kernels.py"
    os.utime(folder / source.name, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    (folder / "__pycache__").mkdir(exist_ok=True)
    for path in COMPILED.glob("__pycache__/*.nb[ic]"):
        shutil.copy2(path, folder / "__pycache__")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A current folder with files that have the names of Undertone's own folders, and of a package that it needs."""
    for name in (*FOLDERS, "gradio"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the current folder was imported')")
    return tmp_path


def package_of(installed: Path) -> Path:
    return next(installed.glob("lib/python3*/site-packages/undertone"))


def undertone(installed: Path, folder: Path, *words: object) -> str:
    """Standard output of the installed console script."""
    return run(installed / "bin" / "undertone", *words, folder=folder, PYTHONPATH="").stdout


def test_what_builds_a_wheel_is_what_the_project_asks_for() -> None:
    """Builds here are not isolated: that would fetch and unpack the backend for each of them."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert asked == {"requires": [BACKEND.partition(",")[0]], "build-backend": "setuptools.build_meta"}


def test_the_wheel_holds_one_package_with_every_file_of_the_code_and_the_assets(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    code = {name for name in tracked_files() if name.startswith(tuple(f"{part}/" for part in FOLDERS))}
    wanted = {f"undertone/{name}" for name in code if not name.endswith(".md")}
    wanted |= {f"undertone/app/{name}" for name in tracked_files() if name.startswith(ASSETS)}
    assert len(wanted) > 300
    assert not wanted - inside
    assert {name.partition("/")[0] for name in inside if ".dist-info/" not in name} == {"undertone"}


def test_a_source_distribution_needs_no_links_and_makes_the_same_wheel(
    source: Path, wheel: Path, backend: Path
) -> None:
    folder = source.parent / "distribution"
    shutil.copytree(source, folder / "source", symlinks=True)
    for weights in folder.rglob("*.safetensors"):
        weights.write_bytes(b"")  # names are compared: 60 MB are packed for nothing
    archive = folder / built("sdist", folder / "source", folder, backend)
    with tarfile.open(archive) as members:
        assert not [member.name for member in members if member.issym() or member.islnk()]
        members.extractall(folder, filter="data")
    unpacked = folder / archive.name.removesuffix(".tar.gz")
    again = folder / built("wheel", unpacked, folder, backend)
    assert set(zipfile.ZipFile(again).namelist()) == set(zipfile.ZipFile(wheel).namelist())


def test_an_installed_wheel_continues_with_its_own_voice(installed: Path, elsewhere: Path) -> None:
    prompt = package_of(installed) / "app" / "assets" / "examples" / "a-storyteller.wav"
    undertone(installed, elsewhere, "continue", prompt, "--seconds", 0.5, "--seed", 1, "--steps", 2, "--out", "out")
    assert (elsewhere / "out" / "take-1.wav").is_file()


def test_an_installed_wheel_makes_a_study_of_its_own_voice(installed: Path, elsewhere: Path) -> None:
    undertone(installed, elsewhere, "study", "new", "study.yaml")
    assert str(package_of(installed) / "app" / "assets" / "demo") in (elsewhere / "study.yaml").read_text()
    assert "no study" in undertone(installed, elsewhere, "study", "status", "--data", elsewhere / "data")


def test_an_installed_wheel_has_its_recipes(installed: Path, elsewhere: Path) -> None:
    code = "from undertone.train.recipes import load_recipe, recipe_names; print(*map(load_recipe, recipe_names()))"
    shown = run(installed / "bin" / "python", "-P", "-c", code, folder=elsewhere, PYTHONPATH="").stdout
    assert len(shown) > 1000


def test_an_installed_wheel_serves_its_own_voice_and_examples(installed: Path, elsewhere: Path) -> None:
    script = installed / "bin" / "undertone"
    with split_site(None, elsewhere / "data", folder=elsewhere, command=[str(script)], PYTHONPATH="") as site:
        page = site.until("/")
        assert "A storyteller" in page.text
        assert "pagehide" in page.text, "the scripts of the guard are there"
        assert site.until("/rate").status_code == 200
