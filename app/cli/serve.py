"""`undertone serve`: print one URL and serve until interrupted; raters first, the model when it has loaded.

Two processes: this one owns the port and the studies, and starts a second one with the model (`undertone.app.server`).
"""

import asyncio
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from undertone.app.asgi.client_address import TrustedProxies, behind_proxies, is_trusted
from undertone.app.asgi.root_path import read_root_path, serve_under
from undertone.app.package_data import EXAMPLES, LADDER, asset_folder
from undertone.app.server.log_format import LogFormat, set_up_log
from undertone.app.server.replicas_relay import ReplicasAddress
from undertone.engine import UndertoneError

logger = logging.getLogger(__name__)
_LONGEST_SOCKET_FOLDER = 80  # characters: the path of a Unix socket has 107 at most


class ServeError(UndertoneError):
    """An address or port at which the site cannot be served."""


def serve(
    bundle: str | Path,
    host: str = "127.0.0.1",
    port: int = 7860,
    device: str = "auto",
    examples: Path = EXAMPLES,
    data: Path | None = None,
    trusted_proxies: Sequence[str] = (),
    root_path: str = "",
    metrics_port: int | None = None,
    log_format: LogFormat = "text",
    api: str | None = None,
    engine: str | None = None,
    ladder: Path = LADDER,
) -> None:
    """Serve the site on a bundle.

    Args:
        bundle: folder or Hub id.
        host: address to listen on; 0.0.0.0 for every network interface.
        port: to listen on; 0 for any free one.
        device: "auto", "cpu" or "cuda".
        examples: folder of wav files offered as prompts; may be missing.
        data: folder of the listening studies; None is `UNDERTONE_DATA` or its default.
        trusted_proxies: addresses or networks whose forwarding headers are read (`app/asgi/client_address.py`).
        root_path: the sub-path under which a proxy shows the site, as /voice; "" for none.
        metrics_port: for Prometheus, on the same address; 0 for any free one, None for none.
        log_format: "text" for people, "json" for one object a line.
        api: "off", "keys" or "open": who may use the API for programs; None is `UNDERTONE_API`, or off.
        engine: ray://HOST:PORT of the replicas that make takes; None makes them here.
        ladder: folder of a modality ladder's result, which its page shows; may be missing.
    Raises:
        BundleError: the bundle cannot be loaded.
        ServeError: the port is taken, the address is not this machine's, or the system has no Unix sockets.
        ProxyNameError: a proxy is no address.
        PassphraseError: `UNDERTONE_ADMIN` names nobody, or its passphrase is too short.
        RootPathError: the site cannot be shown under this sub-path.
        UndertoneError: what `engine`, `api` or a rate of the environment says is none.
    """
    check_system()
    from undertone.app.server.work_folder import work_folder

    set_up_log(log_format)
    proxies = TrustedProxies.parse(trusted_proxies)
    replicas = None if engine is None else ReplicasAddress.parse(engine)
    serve_under(read_root_path(root_path))
    with _quiet_interrupts(), work_folder() as folder, _socket_folder(folder) as sockets:
        # Gradio reads these when it is imported or when widgets are built, so they come first.
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "results")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from undertone.app.auth.first_admin import admit_first_admin
        from undertone.app.server.api_access import ApiSettings
        from undertone.app.server.connections import ConnectionBounds
        from undertone.app.server.front import run_front
        from undertone.app.server.process import Playground
        from undertone.app.site.studies_site import StudiesSite
        from undertone.studies.store import StorageLocations, open_database

        places = StorageLocations.at(data) if data else StorageLocations.default()
        programs = ApiSettings.of(api)
        shown = asset_folder(ladder).resolve()
        playground = Playground(
            bundle=bundle,
            device=device,
            examples=asset_folder(examples).resolve(),
            folder=folder / "playground",
            sockets=sockets,
            studies_socket=sockets / "studies",
            protected=places.protected,
            log_format=log_format,
            api=programs.mode != "off",
            replicas=replicas,
            ladder=shown if shown.is_dir() else None,
        )
        with _listen(host, port) as listener, _metrics(host, metrics_port) as metrics, open_database(places) as db:
            named = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "localhost") else host
            print(f"Undertone is at http://{named}:{listener.getsockname()[1]}", flush=True)
            admit_first_admin(db)
            studies_site = StudiesSite.open(db, places, folder / "results" / "downloads")
            behind = partial(behind_proxies, proxies=proxies)
            bounds = ConnectionBounds(is_proxy=lambda address: is_trusted((address, 0), proxies))
            asyncio.run(run_front(listener, studies_site, playground, bounds, behind, metrics, programs))
    _break_off_uploads()


def check_system() -> None:
    """Check that the two processes can talk here. Raises ServeError."""
    if not hasattr(socket, "AF_UNIX") or os.name == "nt":
        raise ServeError(
            "`undertone serve` needs Unix sockets and file locks, which Windows lacks. Run it in WSL or a container; "
            "`undertone continue`, `batch` and `bench` run here."
        )


def _break_off_uploads() -> None:
    """End the process where a last upload goes on, for which Python would wait; all else is cleaned up by now."""
    from undertone.studies.store.hub import uploads_go_on

    if uploads_go_on() and threading.current_thread() is threading.main_thread():
        logging.shutdown()
        os._exit(0)


@contextmanager
def _metrics(host: str, port: int | None) -> Iterator[socket.socket | None]:
    """Yield the listening socket of the metrics, announced in the log; None where none are wanted."""
    if port is None:
        yield None
        return
    with _listen(host, port, "--metrics-port") as listener:
        logger.info("metrics are at http://%s:%d/metrics", host, listener.getsockname()[1])
        yield listener


@contextmanager
def _socket_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder for sockets that only this user can enter: in `folder`, or in /tmp where that path is too long."""
    if len(str(folder)) <= _LONGEST_SOCKET_FOLDER:
        sockets = folder / "sockets"
        sockets.mkdir(mode=0o700)
        yield sockets
        return
    with tempfile.TemporaryDirectory(prefix="undertone-", dir="/tmp", ignore_cleanup_errors=True) as short:
        yield Path(short)


@contextmanager
def _quiet_interrupts() -> Iterator[None]:
    """End the block at an interrupt or a termination without a traceback, so that temporary files are removed."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def _listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """Return a listening socket, taken before the site is announced, so that the printed URL is true."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port} ({error.strerror}). Choose another {option}, or 0 for any."
        ) from error
