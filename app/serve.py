"""`undertone serve`: load a bundle, build the site, print one URL, serve until interrupted."""

import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from app.work_folder import work_folder
from engine.errors import UndertoneError

DEFAULT_EXAMPLES = Path("assets/examples")


class ServeError(UndertoneError):
    """The site cannot be served where it was asked for."""


def serve(
    bundle: str | Path,
    host: str = "127.0.0.1",
    port: int = 7860,
    device: str = "auto",
    examples: Path = DEFAULT_EXAMPLES,
    data: Path | None = None,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve the site on a bundle.

    Args:
        bundle: folder or Hub id.
        host: address to listen on; 0.0.0.0 for every network interface.
        port: to listen on; 0 for any free one.
        device: "auto", "cpu" or "cuda".
        examples: folder of wav files offered as prompts; may be missing.
        data: folder of the listening studies; None is `UNDERTONE_DATA` or its default.
        trusted_proxies: addresses or networks whose word about a client is believed (`app.client_address`).
    Raises:
        BundleError: the bundle cannot be loaded.
        ServeError: the port is taken or the address is not this machine's.
        ProxyNameError: a proxy is no address.
    """
    with work_folder() as folder:
        # Gradio reads these when it is imported or when widgets are built, so they come first.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "gradio")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        import uvicorn

        from app.application import create_app
        from app.client_address import TrustedProxies, behind_proxies
        from app.context import Context
        from app.laboratory import Laboratory
        from app.prompt_panel import find_examples
        from engine import Engine, settle_threads
        from studies.store import Places, opened

        proxies = TrustedProxies.named(trusted_proxies)
        engine = Engine.from_pretrained(bundle, device=device)
        settle_threads(engine)
        places = Places.at(data) if data else Places.default()
        with _listen(host, port) as listener, opened(places) as db:
            laboratory = Laboratory.on(db, places, folder / "gradio" / "downloads")
            context = Context(
                engine, folder / "gradio" / "visits", tuple(find_examples(examples)), laboratory=laboratory
            )
            site = behind_proxies(create_app(context), proxies)
            config = uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=3, proxy_headers=False)
            shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "localhost") else host
            print(f"Undertone is at http://{shown}:{listener.getsockname()[1]}", flush=True)
            with _interrupted_quietly():
                uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _interrupted_quietly() -> Iterator[None]:
    """Let an interrupt or a termination end the block: temporary files are removed, no traceback is shown."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; taken before the site is announced, so that the printed URL is true."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port} ({error.strerror}). Choose another --port, or 0 for any."
        ) from error
