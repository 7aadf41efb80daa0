"""Python 3.11, 3.12 and 3.13 can install Undertone: no package that it leads to excludes one of them."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")


def own_requirements() -> list[str]:
    return [*PROJECT["dependencies"], *(line for lines in PROJECT["optional-dependencies"].values() for line in lines)]


def applies(requirement: Requirement, extras: set[str], python: str) -> bool:
    """Whether a requirement holds under a version of Python, on this system."""
    if requirement.marker is None:
        return True
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    return any(requirement.marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))


def installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def needed(python: str) -> Iterator[tuple[Distribution, Requirement]]:
    """Every installed package that Undertone leads to under a version of Python, with what asks for it."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(Requirement(line), set[str]()) for line in own_requirements()]
    while waiting:
        requirement, extras = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key[0] == "undertone" or key in seen or not applies(requirement, extras, python):
            continue
        seen.add(key)
        found = installed(requirement.name)
        if found is None:  # what another version of Python needs is not here; its own CI looks at it
            continue
        yield found, requirement
        waiting += [(Requirement(line), set(requirement.extras)) for line in found.requires or ()]


@pytest.mark.parametrize("python", PYTHONS)
def test_no_package_excludes_a_python_that_undertone_promises(python: str) -> None:
    excluding = {
        f"{found.name} {found.version} asks for Python {wanted}"
        for found, _ in needed(python)
        if (wanted := found.metadata.get("Requires-Python")) and not SpecifierSet(wanted).contains(f"{python}.0")
    }
    assert not excluding


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_needed_is_walked_to_its_end(python: str) -> None:
    names = {canonicalize_name(found.name) for found, _ in needed(python)}
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} <= names
    assert {"starlette", "ctranslate2", "greenlet"} <= names  # of gradio, faster-whisper and sqlalchemy


def test_the_promise_is_the_same_everywhere() -> None:
    promised = SpecifierSet(PROJECT["requires-python"])
    assert [minor for minor in range(8, 20) if f"3.{minor}.0" in promised] == [11, 12, 13]
    for name in ("README.md", "Makefile"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.search(r"Python 3\.11, 3\.12 (or|and) 3\.13", text), name
