"""Locked versions and licences: files that are made, held to pyproject.toml."""

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")


def wanted() -> list[Requirement]:
    """What the package and its extras ask for."""
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    found = [Requirement(line) for line in [*PROJECT["dependencies"], *extras]]
    return [one for one in found if one.name != PROJECT["name"]]


@cache
def locked() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def version_for(name: str, python: str) -> str | None:
    """The version of a package that a Python on Linux gets."""
    here = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux",
            "platform_system": "Linux", "platform_machine": "x86_64", "implementation_name": "cpython",
            "platform_python_implementation": "CPython", "os_name": "posix"}  # fmt: skip
    found = [
        one
        for one in locked()
        if canonicalize_name(one.name) == canonicalize_name(name) and (one.marker is None or one.marker.evaluate(here))
    ]
    assert len(found) <= 1, found
    return str(found[0].specifier).removeprefix("==") if found else None


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_locked_version_that_the_project_allows(python: str) -> None:
    """`make lock` mends it."""
    for requirement in wanted():
        version = version_for(requirement.name, python)
        assert version is not None, f"{requirement.name} has no version"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: {version} is locked"


def test_versions_are_exact_and_name_no_place_of_their_own() -> None:
    for one in locked():
        assert one.url is None
        assert re.fullmatch(r"==[^*,]+", str(one.specifier)), one
    assert "--" not in (ROOT / "constraints.txt").read_text(encoding="utf-8").replace("----", "")


def test_the_licence_of_every_dependency_is_listed() -> None:
    """`make licences` mends it."""
    rows = (ROOT / "LICENCES.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| ")]
    licence = {canonicalize_name(name): terms for name, _, terms in cells}
    for line in PROJECT["dependencies"]:
        assert licence.get(canonicalize_name(Requirement(line).name)) not in (None, "", "UNKNOWN"), line
