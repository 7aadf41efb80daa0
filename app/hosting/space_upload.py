"""Makes a Space on the Hub, or brings an existing one up to date, in one commit."""

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from undertone.app.auth.first_admin import ADMIN_VARIABLE
from undertone.app.hosting.hub import hub_api, hub_refusals
from undertone.app.hosting.space_files import SpaceError, SpacePlan, write_space
from undertone.studies.sessions.signing_key import SECRET_VARIABLE
from undertone.studies.store.hub import REPOSITORY_VARIABLE

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ZERO_GPU = "zero-gpu"
_NAMES_OF_THE_HUB = {ZERO_GPU: "zero-a10g"}  # the Hub kept the name of its first such card


def hardware_of(name: str) -> str:
    """Return the Hub's own name of a hardware.

    Raises:
        SpaceError: it has none of this name.
    """
    from huggingface_hub import SpaceHardware

    known = {one.value for one in SpaceHardware}
    found = _NAMES_OF_THE_HUB.get(name, name)
    if found not in known:
        raise SpaceError(f"hardware {name!r} is not known; expected one of {', '.join(sorted({ZERO_GPU} | known))}.")
    return found


def has_gpu(hardware: str) -> bool:
    """Return whether a hardware, by either name, has a GPU at least at times."""
    return not hardware.startswith("cpu")


@dataclass(frozen=True)
class Keeper:
    """What only whoever makes a study's Space can say.

    Attributes:
        admin: who signs in first, as `hf:NAME` or `NAME:PASSPHRASE`; None is whoever makes the Space.
        token: of the Hub, with which the Space keeps its ratings in a private dataset.
    """

    admin: str | None = None
    token: str | None = None


def create_space(
    repository: str, plan: SpacePlan, hardware: str, keeper: Keeper, private: bool = False, api: "HfApi | None" = None
) -> str:
    """Make the Space with its settings and upload it; returns its address.

    Args:
        repository: `owner/name`.
        hardware: as `hardware_of` takes it.
    Raises:
        SpaceError: the Hub refuses, or something that a study needs is missing.
    """
    api = api or hub_api()
    with hub_refusals(repository):
        settings = _settings(repository, plan, keeper, api)
        api.create_repo(
            repository,
            repo_type="space",
            private=private,
            space_sdk="gradio",
            space_hardware=hardware_of(hardware),
            space_variables=_listed(settings.variables),
            space_secrets=_listed(settings.secrets),
        )
        return _upload(api, repository, plan, "Make the Space")


def update_space(repository: str, plan: SpacePlan, hardware: str | None = None, api: "HfApi | None" = None) -> str:
    """Upload the Space again; files that it does not need any more go, its settings stay. Returns its address.

    Args:
        hardware: that its packages are for, as `hardware_of` takes it; None is what the Hub says that it has.
    Raises:
        SpaceError: the Hub refuses, or there is no such Space.
    """
    api = api or hub_api()
    with hub_refusals(repository):
        there = api.get_space_runtime(repository)
        known = there.requested_hardware or there.hardware or "cpu-basic"
        plan = replace(plan, has_gpu=has_gpu(known if hardware is None else hardware_of(hardware)))
        return _upload(api, repository, plan, "Update the Space")


@dataclass(frozen=True)
class _Settings:
    variables: Mapping[str, str]
    secrets: Mapping[str, str]


def _settings(repository: str, plan: SpacePlan, keeper: Keeper, api: "HfApi") -> _Settings:
    """Return the environment of the Space; what is secret the Hub shows to nobody."""
    variables = {}
    if plan.bundle is not None and plan.bundle_folder is None:
        variables["UNDERTONE_BUNDLE"] = plan.bundle
    if plan.kind == "demo":
        return _Settings(variables, {})
    if keeper.token is None:
        raise SpaceError(
            "a Space's disk is wiped when it starts again, so ratings are kept in a private dataset. Give a token of "
            f"the Hub that may write {repository}-ratings: --ratings-token, or UNDERTONE_RATINGS_TOKEN."
        )
    variables[REPOSITORY_VARIABLE] = f"{repository}-ratings"
    hidden = {
        ADMIN_VARIABLE: keeper.admin or f"hf:{api.whoami()['name']}",
        SECRET_VARIABLE: secrets.token_urlsafe(32),
        "HF_TOKEN": keeper.token,
    }
    return _Settings(variables, hidden)


def _listed(settings: Mapping[str, str]) -> list[dict[str, str]] | None:
    return [{"key": name, "value": value} for name, value in settings.items()] or None


def _upload(api: "HfApi", repository: str, plan: SpacePlan, message: str) -> str:
    """Make the repository what the plan says, in one commit: a Space never starts on half of it."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with tempfile.TemporaryDirectory(prefix="undertone-space-") as folder:
        write_space(plan, Path(folder))
        files = {path.relative_to(folder).as_posix(): path for path in Path(folder).rglob("*") if path.is_file()}
        there = api.list_repo_files(repository, repo_type="space")
        gone = [CommitOperationDelete(path_in_repo=name) for name in there if name not in files]
        added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=path) for name, path in sorted(files.items())]
        api.create_commit(repository, [*gone, *added], commit_message=message, repo_type="space")
    return f"{api.endpoint}/spaces/{repository}"
