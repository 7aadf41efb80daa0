"""Study files to begin with; `undertone study new` writes one out to be changed."""

from pathlib import Path

from undertone.studies.design.errors import DesignError

FOLDER = Path(__file__).parent / "templates"
COMPARISON = "paper-comparison"  # has no file: `studies.suite.comparison_study` makes it of the systems at hand


def template_names() -> list[str]:
    """Return the names of the templates."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def template_text(name: str) -> str:
    """Return the YAML of a template, with its comments.

    Raises:
        DesignError: there is none of this name.
    """
    return _path(name).read_text(encoding="utf-8")


def _path(name: str) -> Path:
    if name not in template_names():
        raise DesignError(
            f"unknown template {name!r}; known templates: {', '.join(sorted([*template_names(), COMPARISON]))}."
        )
    return FOLDER / f"{name}.yaml"
