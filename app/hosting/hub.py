"""The Hub as it is asked here, and what it answers in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from undertone.engine.errors import UndertoneError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# The Hub takes larger files than 10 MiB by LFS only, and marks nothing by itself.
_LARGE = ("*.safetensors", "*.bin", "*.npz", "*.pt", "*.wav", "*.flac", "*.mp3", "*.ogg")
GIT_ATTRIBUTES = "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE)


class HubError(UndertoneError):
    """The Hub refuses what it was asked for: the text says why."""


def hub_api() -> "HfApi":
    """Return a client of the Hub, signed in as HF_TOKEN or `hf auth login` say."""
    from huggingface_hub import HfApi

    return HfApi()


@contextmanager
def hub_refusals(repository: str) -> Iterator[None]:
    """Turn what the Hub answers into words.

    Raises:
        HubError: nobody is signed in, the Hub refuses, or it cannot be reached.
    """
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    try:
        yield
    except LocalTokenNotFoundError as error:
        raise HubError("nobody is signed in to the Hub here. Set HF_TOKEN, or call `hf auth login`.") from error
    except (HfHubHTTPError, HFValidationError, httpx.TransportError) as error:
        line = str(error).strip().splitlines()[0]
        raise HubError(f"the Hub does not take {repository}: {line}") from error
