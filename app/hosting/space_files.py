"""The folder that becomes a Space: the code that serves, the voice, what its pages show, and what the Hub reads."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from undertone.app.hosting.hub import GIT_ATTRIBUTES, HubError
from undertone.app.hosting.requirements import gradio_version, requirements_text
from undertone.app.package_data import DEMO, EXAMPLES, LADDER, asset_folder

Kind = Literal["demo", "study"]
APP_FILE = "space.py"  # `spaces` is a package of Hugging Face, `app` a folder here
PYTHON_VERSION = "3.12"
PACKAGES = ("app", "engine", "studies")  # training has no place there
_CODE = (".py", ".css", ".html", ".j2", ".js", ".json", ".safetensors", ".yaml")  # as pyproject has them for a wheel
_PACKAGE = Path(__file__).parents[2]  # the folder of the four packages, in a checkout and in a wheel
_APP = '''"""The app file of a Hugging Face Space: serves the site with what the Space's settings say."""

from undertone.app.cli.space_app import run

if __name__ == "__main__":
    run()
'''


class SpaceError(HubError):
    """A Space cannot be made as it was asked for: the text says why."""


@dataclass(frozen=True)
class SpacePlan:
    """What a Space is to be.

    Attributes:
        kind: "demo" for visitors, "study" with a sign-in for admins and ratings that are kept.
        title: shown by the Hub.
        bundle: folder or Hub id of the model; None is the embedded voice.
        has_gpu: whether PyTorch needs CUDA there.
    """

    kind: Kind
    title: str
    bundle: str | None = None
    has_gpu: bool = False

    @property
    def bundle_folder(self) -> Path | None:
        """Return the folder that is uploaded with the code; None where the model is fetched from the Hub."""
        folder = asset_folder(DEMO) if self.bundle is None else Path(self.bundle).expanduser()
        if folder.is_dir():
            return folder
        if self.bundle is None or self.bundle.count("/") != 1:
            raise SpaceError(f"bundle {self.bundle or DEMO} is neither a folder nor a repository as owner/name.")
        return None


def front_matter(plan: SpacePlan) -> dict[str, Any]:
    """Return what the Hub reads at the top of README.md."""
    fields: dict[str, Any] = {
        "title": plan.title,
        "emoji": "🎙️",
        "colorFrom": "green",
        "colorTo": "gray",
        "sdk": "gradio",
        "sdk_version": gradio_version(),
        "python_version": PYTHON_VERSION,
        "app_file": APP_FILE,
        "license": "mit",
        "startup_duration_timeout": "1h",
    }
    if plan.kind == "study":
        fields["hf_oauth"] = True
    if plan.bundle is not None and plan.bundle_folder is None:
        fields["models"] = [plan.bundle]
    return fields


def readme_text(plan: SpacePlan) -> str:
    """Return README.md of the Space."""
    fields = yaml.safe_dump(front_matter(plan), allow_unicode=True, sort_keys=False)
    what = {
        "demo": "Record three seconds of speech and hear a language model go on, in your voice.",
        "study": "Listening studies: raters follow their link, admins sign in at `/results`.",
    }[plan.kind]
    return f"---\n{fields}---\n\n# {plan.title}\n\n{what} Made with Undertone; speech made here is synthetic.\n"


def write_space(plan: SpacePlan, folder: Path) -> None:
    """Write everything that the Space needs into an empty folder, and nothing else.

    Raises:
        SpaceError: there is no such bundle.
    """
    from undertone.engine.bundle import bundles_sharing, standalone_files  # PyTorch, which names of files do not need

    bundle = plan.bundle_folder
    for source, below in _code():
        (folder / below).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / below)
    texts = {
        "README.md": readme_text(plan),
        APP_FILE: _APP,
        "requirements.txt": requirements_text(cpu_only=not plan.has_gpu),
        ".gitattributes": GIT_ATTRIBUTES,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    if bundle is not None:
        _copy_folder(bundle, folder / DEMO)
        for name, content in standalone_files(bundle).items():
            if isinstance(content, bytes):
                (folder / DEMO / name).write_bytes(content)
            elif not (folder / DEMO / name).exists():
                shutil.copyfile(content, folder / DEMO / name)
        if bundle.resolve().name == DEMO.name:  # by which the others find what they share
            for other in bundles_sharing(bundle):
                _copy_folder(other, folder / DEMO.parent / other.name)
    for shown in (EXAMPLES, LADDER):
        if (beside := asset_folder(shown)).is_dir():
            _copy_folder(beside, folder / shown)


def _code() -> Iterator[tuple[Path, Path]]:
    """Yield every file of code and its path in the Space, links resolved."""
    entry = _PACKAGE / "undertone" if (_PACKAGE / "undertone" / "__init__.py").is_file() else _PACKAGE
    for name in ("__init__.py", "__main__.py"):
        yield entry / name, Path("undertone") / name
    for package in PACKAGES:
        for path in sorted((_PACKAGE / package).rglob("*")):
            below = path.relative_to(_PACKAGE / package)
            if path.is_file() and path.suffix in _CODE and "assets" not in below.parts[:1]:
                yield path, Path("undertone") / package / below


def _copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder, as they are behind links of the Hub's cache; hidden ones stay."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
