"""The packages that serving needs, as lines of a requirements file: from pyproject.toml, which pip does not read there.

`python -m undertone.app.hosting.requirements` prints the file of this repository; `make requirements` writes it.
"""

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

HEADER = "# Made from pyproject.toml by `make requirements`: what a Hugging Face Space installs beside its Gradio."
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"  # PyTorch without CUDA, a tenth of the size
SERVING_EXTRA = "compiled"  # a Space has room for it
_INSTALLED_THERE = {"gradio"}  # by the Space, in the version that its README names
_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def dependencies() -> list[Requirement]:
    """Return what the package and the extra for serving depend on: of the checkout, or as it is installed."""
    if _PROJECT.is_file():
        project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
        if project["name"] == "undertone":
            lines = [*project["dependencies"], *project["optional-dependencies"][SERVING_EXTRA]]
            return [Requirement(line) for line in lines]
    required = [Requirement(line) for line in metadata.requires("undertone") or ()]
    wanted = [one for one in required if one.marker is None or one.marker.evaluate({"extra": SERVING_EXTRA})]
    for one in wanted:
        one.marker = None  # which a requirements file would hold against no extra at all
    return wanted


def requirements_text(cpu_only: bool = False) -> str:
    """Return the requirements file of a Space.

    Args:
        cpu_only: PyTorch without CUDA, for a Space that has no GPU.
    """
    lines = [str(one) for one in dependencies() if one.name not in _INSTALLED_THERE]
    return "\n".join([HEADER, *([CPU_INDEX] if cpu_only else []), *sorted(lines, key=str.lower)]) + "\n"


def gradio_version() -> str:
    """Return the version of Gradio that is installed here, which a Space is to have too."""
    version = metadata.version("gradio")
    assert re.fullmatch(r"[\w.]+", version)
    return version


if __name__ == "__main__":
    print(requirements_text(), end="")
