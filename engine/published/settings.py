"""An hp.yaml of the authors, read key by key, so that no setting is passed over in silence."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from undertone.engine.errors import BundleError
from undertone.engine.files.yaml_text import YamlError, read_yaml

_REQUIRED = object()


class PublishedSettings:
    """One section of an hp.yaml, read key by key; what nobody asked for is an error at the end."""

    def __init__(self, values: Mapping[str, Any], source: str) -> None:
        self.source = source
        self.leaves = dict(_leaves(values, ""))

    def take(self, key: str, default: Any = _REQUIRED) -> Any:
        """Return the value of a dotted key, which counts as read."""
        if key in self.leaves:
            return self.leaves.pop(key)
        if default is _REQUIRED:
            raise BundleError(f"{self.source}: missing key {key!r}. Give the hp.yaml that lies beside the checkpoint.")
        return default

    def demand(self, key: str, only: Any, default: Any = _REQUIRED) -> None:
        """Check that a key has the value that this network implements; lists compare as lists."""
        value = self.take(key, default)
        if value != only and not (isinstance(only, tuple) and value == list(only)):
            shown = list(only) if isinstance(only, tuple) else only
            raise BundleError(f"{self.source}: {key} is {value!r}; this network only has {key}: {shown!r}.")

    def uniform(self, key: str) -> Any:
        """Return the value that all entries of a list share."""
        values = self.take(key)
        if not isinstance(values, list) or len(set(values)) != 1:
            raise BundleError(f"{self.source}: {key} is {values!r}; this network needs one value in all layers.")
        return values[0]

    def drop(self, section: str, names: Iterable[str]) -> None:
        """Forget keys that say nothing."""
        for name in names:
            self.leaves.pop(f"{section}.{name}", None)

    def close(self) -> None:
        """Raise where a key was not understood."""
        if self.leaves:
            key, value = next(iter(self.leaves.items()))
            raise BundleError(f"{self.source}: {key} is {value!r}, a setting that this network does not have.")


def read_hp(path: Path) -> dict[str, Any]:
    """Parse an hp.yaml."""
    try:
        values = read_yaml(path)
    except YamlError as error:
        raise BundleError(f"{error} An hp.yaml lies beside its checkpoint.") from error
    if not isinstance(values, dict):
        raise BundleError(f"{path} holds no settings; expected the sections of a published hp.yaml.")
    return values


def section(values: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    """Return a section that must be there."""
    found = values.get(name)
    if not isinstance(found, dict):
        raise BundleError(f"{source}: missing section {name!r}. Give the hp.yaml that lies beside the checkpoint.")
    return found


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
