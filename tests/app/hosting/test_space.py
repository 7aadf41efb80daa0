"""A Space in one command: what it needs and nothing else, against a stand-in of the Hub on loopback."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi
from packaging.requirements import Requirement

from tests.hub_stand_in import LARGEST_FILE, TOKEN, Hub, hub_stand_in
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.hosting import space_files
from undertone.app.hosting.hub import GIT_ATTRIBUTES, HubError
from undertone.app.hosting.requirements import CPU_INDEX, dependencies, requirements_text
from undertone.app.hosting.space_files import APP_FILE, SpacePlan, front_matter, write_space
from undertone.app.hosting.space_upload import ZERO_GPU, update_space
from undertone.engine.bundle import BundleConfig, bundles_sharing, load_bundle, save_bundle

ROOT = Path(__file__).parents[3]
SPACE = "ada/voices"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_stand_in() as hub:
        yield hub


def undertone(hub: Hub, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The command line, as a person calls it."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": "1",  # the stand-in has LFS alone
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **variables,
    }
    command = [sys.executable, "-m", "undertone", "space", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)


def card(readme: str) -> dict[str, object]:
    found = re.match(r"---\n(.*?)\n---\n", readme, re.DOTALL)
    assert found
    fields = yaml.safe_load(found[1])
    assert isinstance(fields, dict)
    return fields


def test_a_demo_is_made_and_brought_up_to_date(hub: Hub) -> None:
    made = undertone(hub, "create", SPACE, "--kind", "demo", "--hardware", "zero-gpu")
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == f"{hub.url}/spaces/{SPACE}"
    space = hub.repositories[f"spaces/{SPACE}"]
    assert space.settings["sdk"] == "gradio"
    assert space.settings["hardware"] == "zero-a10g"
    assert not space.settings.get("secrets")
    assert "assets/demo/model.safetensors" in space.by_lfs
    assert len(space.files["assets/demo/model.safetensors"]) > LARGEST_FILE
    assert len(space.commits) == 1
    assert CPU_INDEX not in space.files["requirements.txt"].decode()
    space.files["undertone/app/old_page.py"] = b"of an older version"
    again = undertone(hub, "update", SPACE, "--kind", "demo", "--title", "Other voices")
    assert again.returncode == 0, again.stderr
    assert "undertone/app/old_page.py" not in space.files
    assert card(space.files["README.md"].decode())["title"] == "Other voices"
    assert CPU_INDEX not in space.files["requirements.txt"].decode()  # it has its GPU still


def test_the_packages_are_for_the_hardware_that_a_space_has_or_will_have(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(space_files, "_code", lambda: iter(()))
    api = HfApi(endpoint=hub.url, token=TOKEN)
    plan = SpacePlan("demo", "Voices", "someone/a-voice", has_gpu=True)
    hub.create({"type": "space", "name": "voices", "hardware": "t4-small"})
    space = hub.repositories[f"spaces/{SPACE}"]
    for hardware, is_cpu in ((None, False), ("cpu-basic", True), (ZERO_GPU, False)):
        update_space(SPACE, plan, hardware, api)
        assert (CPU_INDEX in space.files["requirements.txt"].decode()) is is_cpu, hardware
    with pytest.raises(HubError, match="'abacus' is not known"):
        update_space(SPACE, plan, "abacus", api)
    api.create_repo("ada/new", repo_type="space", space_sdk="gradio")  # and nobody asked for hardware
    update_space("ada/new", plan, api=api)
    assert CPU_INDEX in hub.repositories["spaces/ada/new"].files["requirements.txt"].decode()


def test_a_study_has_a_sign_in_its_first_admin_and_a_private_dataset_for_its_ratings(hub: Hub) -> None:
    refused = undertone(hub, "create", SPACE, "--kind", "study")
    assert refused.returncode == 2
    assert "ada/voices-ratings" in refused.stderr
    assert not hub.repositories
    made = undertone(hub, "create", SPACE, "--kind", "study", UNDERTONE_RATINGS_TOKEN=TOKEN)
    assert made.returncode == 0, made.stderr
    space = hub.repositories[f"spaces/{SPACE}"]
    variables = {one["key"]: one["value"] for one in space.settings["variables"]}
    secrets = {one["key"]: one["value"] for one in space.settings["secrets"]}
    assert variables == {"UNDERTONE_BACKUP_REPO": "ada/voices-ratings"}
    assert secrets["UNDERTONE_ADMIN"] == "hf:ada"
    assert secrets["HF_TOKEN"] == TOKEN
    assert len(secrets["UNDERTONE_SECRET"]) >= 32
    assert card(space.files["README.md"].decode())["hf_oauth"] is True
    for name, content in space.files.items():
        assert TOKEN.encode() not in content, name
        assert secrets["UNDERTONE_SECRET"].encode() not in content, name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", SPACE, "--kind", "demo", "--hardware", "abacus"), "hardware 'abacus' is not known"),
        (("create", "no name", "--kind", "demo"), "the Hub does not take no name"),
        (("create", SPACE, "--kind", "demo", "--bundle", "nothing/here/at-all"), "neither a folder nor a repository"),
        (("update", "ada/nothing", "--kind", "demo"), "the Hub does not take ada/nothing"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(hub: Hub, words: tuple[str, ...], said: str) -> None:
    done = undertone(hub, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(repository.files for repository in hub.repositories.values())


def test_a_space_that_is_there_already_is_not_made_again(hub: Hub) -> None:
    hub.create({"type": "space", "name": "voices"})
    done = undertone(hub, "create", SPACE, "--kind", "demo")
    assert done.returncode == 2
    assert not hub.repositories[f"spaces/{SPACE}"].files


def test_the_systems_beside_the_embedded_voice_come_along_and_a_system_alone_is_whole(tmp_path: Path) -> None:
    voice = load_bundle(make_tiny_bundle(tmp_path / "bundles" / "demo"))
    config = BundleConfig.model_validate({**dict(voice.config), "shared_parts": {"tokenizer": "demo"}})
    parts = voice.model, voice.vocoder, voice.tokenizer
    system = save_bundle(tmp_path / "bundles" / "system", config, *parts)
    for bundle, name in ((tmp_path / "bundles" / "demo", "with"), (system, "alone")):
        write_space(SpacePlan("demo", "Voices", str(bundle)), tmp_path / name)
    assert bundles_sharing(tmp_path / "with" / "assets" / "demo") == [tmp_path / "with" / "assets" / "system"]
    assert load_bundle(tmp_path / "alone" / "assets" / "demo").fingerprint == load_bundle(system).fingerprint


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space")
    bundle = make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    write_space(SpacePlan("study", "Voices", str(bundle)), folder)
    return folder


def test_nothing_is_uploaded_that_does_not_serve(written: Path) -> None:
    names = {path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file()}
    tops = {name.split("/")[0] for name in names}
    assert tops == {"undertone", "assets", "README.md", APP_FILE, "requirements.txt", ".gitattributes"}
    assert {name.split("/")[1] for name in names if name.startswith("undertone/")} == {
        "__init__.py", "__main__.py", "app", "engine", "studies",
    }  # fmt: skip
    assert not [name for name in names if "__pycache__" in name or (name.endswith((".pyc", ".md")) and "/" in name
                and not name.startswith("assets/"))]  # fmt: skip
    assert not [path for path in written.rglob("*") if path.is_symlink()]


def test_every_file_that_the_code_opens_is_uploaded(written: Path) -> None:
    """Whatever its ending: what lies beside the code is opened by it."""
    listed = subprocess.run(
        ["git", "ls-files", *space_files.PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    there = {path.relative_to(written / "undertone").as_posix() for path in (written / "undertone").rglob("*")}
    assert set(listed.stdout.split()) <= there


def test_the_app_file_is_the_repositorys_own_and_no_module_that_is_installed_has_its_name(written: Path) -> None:
    assert (written / APP_FILE).read_text() == (ROOT / APP_FILE).read_text()
    find = f"import importlib.util; print(importlib.util.find_spec({APP_FILE.removesuffix('.py')!r}))"
    found = subprocess.run([sys.executable, "-I", "-c", find], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "None"


def test_what_is_uploaded_serves_without_the_repository(written: Path) -> None:
    """Every module that the site imports is among the files: the two processes' own, found without this checkout."""
    modules = "undertone.app.server.front, undertone.app.site.application, undertone.app.server.playground"
    code = f"import {modules}, undertone; print(undertone.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(written)!r}); {code}"],
                          cwd=written, env=environment, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(written / "undertone" / "__init__.py")


def test_the_repository_itself_is_a_space_when_it_is_pushed_by_hand() -> None:
    fields = card((ROOT / "README.md").read_text(encoding="utf-8"))
    wanted = front_matter(SpacePlan("study", "Undertone"))
    assert {name: fields.get(name) for name in wanted if name != "sdk_version"} == {
        name: value for name, value in wanted.items() if name != "sdk_version"
    }
    (gradio,) = [one for one in dependencies() if one.name == "gradio"]
    for version in (str(fields["sdk_version"]), str(wanted["sdk_version"])):
        assert gradio.specifier.contains(version)
    assert (ROOT / str(fields["app_file"])).is_file()


def test_the_repository_serves_as_hf_upload_leaves_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its links: what lies behind a link to a folder is no file of the folder that is uploaded."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    clone, space = tmp_path / "clone", tmp_path / "space"
    code = ["undertone", APP_FILE, *(f"{name}/__init__.py" for name in ("app", "engine", "studies")), "app/cli"]
    listed = subprocess.run(["git", "ls-files", *code], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name, follow_symlinks=False)
    assert (clone / "undertone" / "app").is_symlink()
    hub.create({"type": "space", "name": "voices"})
    HfApi(endpoint=hub.url, token=TOKEN).upload_folder(repo_id=SPACE, folder_path=clone, repo_type="space")
    for name, content in hub.repositories[f"spaces/{SPACE}"].files.items():
        (space / name).parent.mkdir(parents=True, exist_ok=True)
        (space / name).write_bytes(content)
    names = [f"undertone.{name}" for name in ("app", "engine", "studies", "app.cli.main")]
    found = f"*(find_spec(one).origin for one in {names})"
    code_there = f"import space; from importlib.util import find_spec; print({found})"
    for folder in (clone, space):
        done = subprocess.run(
            [sys.executable, "-c", code_there], cwd=folder, capture_output=True, text=True, check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert all(Path(found).is_relative_to(folder) for found in done.stdout.split())


def test_the_requirements_are_those_of_the_project() -> None:
    assert (ROOT / "requirements.txt").read_text(encoding="utf-8") == requirements_text()
    lines = [line for line in requirements_text().splitlines() if not line.startswith(("#", "-"))]
    assert {Requirement(line).name for line in lines} == {one.name for one in dependencies()} - {"gradio"}


def test_an_installed_package_asks_for_the_same_without_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = requirements_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].items()
    required = [*project["dependencies"], *(f"{one}; extra == '{name}'" for name, lines in extras for one in lines)]
    monkeypatch.setattr("undertone.app.hosting.requirements._PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr("undertone.app.hosting.requirements.metadata.requires", {"undertone": required}.get)
    assert requirements_text() == checkout
    assert ";" not in checkout


def test_a_model_of_the_hub_is_named_and_not_uploaded(tmp_path: Path) -> None:
    write_space(SpacePlan("demo", "Voices", "someone/a-voice"), tmp_path)
    assert card((tmp_path / "README.md").read_text())["models"] == ["someone/a-voice"]
    assert not (tmp_path / "assets" / "demo").exists()


def test_every_file_that_is_too_large_for_git_is_marked_for_lfs(written: Path, tmp_path: Path) -> None:
    write_space(SpacePlan("demo", "Voices"), tmp_path)
    marked = [line.split()[0].removeprefix("*") for line in GIT_ATTRIBUTES.splitlines()]
    large = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > LARGEST_FILE]
    assert large
    assert all(path.suffix in marked for path in large)


def test_zero_gpu_gets_versions_that_it_runs_and_nothing_that_it_cannot_compile() -> None:
    """PyTorch 2.11 and Python 3.12 are among what it runs; `torch.compile` is not."""
    assert space_files.PYTHON_VERSION == "3.12"
    assert {str(one) for one in dependencies()} >= {"torch==2.11.0", "torchaudio==2.11.0"}
    files = [path for name in space_files.PACKAGES for path in (ROOT / name).rglob("*.py")]
    assert not [path for path in files if "torch.compile" in path.read_text(encoding="utf-8")]
