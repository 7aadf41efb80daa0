"""Asks the server of this container whether it lives; exit status 0 or 1.

Started as `python -m undertone.app.hosting.healthcheck`.

Nothing but the standard library is loaded, as it runs twice a minute.
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping

SECONDS = 4.0
_EVERY_ADDRESS = {"", "0.0.0.0", "::"}


def address(environment: Mapping[str, str] = os.environ) -> str:
    """Return where `/healthz` is, by the names that `undertone serve` reads."""
    host = environment.get("UNDERTONE_HOST") or environment.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    port = environment.get("UNDERTONE_PORT") or environment.get("PORT") or environment.get("GRADIO_SERVER_PORT")
    return f"http://{'127.0.0.1' if host in _EVERY_ADDRESS else host}:{port or 7860}/healthz"


def lives() -> bool:
    """Return whether the server answers in time that it lives."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy is set: it is this machine
    try:
        with opener.open(address(), timeout=SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if lives() else 1)
