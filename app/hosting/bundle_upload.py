"""Publishes a bundle as a model on the Hub, in one commit."""

from pathlib import Path
from typing import TYPE_CHECKING

from undertone.app.hosting.hub import GIT_ATTRIBUTES, HubError, hub_api, hub_refusals
from undertone.engine.bundle import CONFIG_FILE, WEIGHT_FILES, load_bundle, standalone_files
from undertone.engine.probe import PROBE_FILE
from undertone.studies.evaluation.model_card import CARD_FILE, model_card

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PUBLISHED = (CONFIG_FILE, *WEIGHT_FILES.values(), PROBE_FILE)
ATTRIBUTES_FILE = ".gitattributes"


def push_bundle(bundle: Path, repository: str, private: bool = False, api: "HfApi | None" = None) -> str:
    """Upload a bundle and its model card, and return the address of the model.

    The repository is made where there is none. Parts that a bundle there has and this one lacks go; files that are no
    part of a bundle stay. Nothing else of the folder is uploaded.

    Args:
        bundle: folder; its README.md is the card, and where it has none, one is written from what it says of itself.
        repository: `owner/name`.
        private: whether a repository that is made is for its owner only.
    Raises:
        BundleError: the folder is no bundle, or its weights do not fit.
        HubError: the Hub refuses, or the repository holds something else than a bundle.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    if not bundle.is_dir():
        raise HubError(f"there is no bundle folder {bundle}; give one that `undertone bundle` wrote.")
    card = _card(bundle)
    api = api or hub_api()
    with hub_refusals(repository):
        api.create_repo(repository, private=private, exist_ok=True)
        there = set(api.list_repo_files(repository))
        if CONFIG_FILE not in there and any(name.endswith((".safetensors", ".bin", ".pt")) for name in there):
            raise HubError(f"{repository} holds another model, which is no bundle; give a name of its own.")
        files = standalone_files(bundle)
        if (bundle / PROBE_FILE).is_file():
            files[PROBE_FILE] = bundle / PROBE_FILE
        files[CARD_FILE] = card
        if ATTRIBUTES_FILE not in there:
            files[ATTRIBUTES_FILE] = GIT_ATTRIBUTES.encode()
        gone = [CommitOperationDelete(path_in_repo=name) for name in PUBLISHED if name in there and name not in files]
        added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=what) for name, what in files.items()]
        api.create_commit(repository, [*gone, *added], commit_message=f"Publish {bundle.resolve().name}")
    return f"{api.endpoint}/{repository}"


def _card(bundle: Path) -> bytes:
    """Return the model card of a bundle that can be opened."""
    opened = load_bundle(bundle)
    path = bundle / CARD_FILE
    return path.read_bytes() if path.is_file() else model_card(opened).encode()
